/** `npm run matrix`, or `node test/tls/matrix.ts` in a built tree: what becomes of mail to hosts whose DNSSEC, TLSA records and TLS are right, wrong and everything between. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Cell, shownTlsa } from './cell.ts'
import { CELLS } from './cells.ts'
import { isAsExpected, runCell, type Seen } from './run-cell.ts'

const HELP = `npm run matrix -- [options]

Brings one message to each of ${CELLS.length} hosts: MX records and addresses that are signed, unsigned, wrong or silent; TLSA records that fit, do not
fit or cannot be used; servers with and without STARTTLS. What must become of it follows from the paragraph that each row names. Exit code 0
when everything was as expected, 1 when not. Traffic stays on this machine.

  --zones literal  DNS as a validating resolver would say it (default)
  --only TEXT      rows in which the text stands
  --all            print all rows, not only those that are not as expected
  --json FILE      write the rows with what was seen: for other mail servers to be held against
  --help           this text`

const { values: options } = parseArgs({
  options: {
    zones: { type: 'string', default: 'literal' },
    only: { type: 'string', default: '' },
    all: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) print(HELP)
else process.exitCode = await run()

async function run(): Promise<number> {
  if (options.zones !== 'literal') {
    process.stderr.write(`--zones ${options.zones}: only "literal" is known\n`)
    return 64
  }
  const rows: (Cell & { readonly seen: Seen; readonly isRight: boolean })[] = []
  for (const cell of CELLS.filter((one) => lineOf(one).includes(options.only))) {
    const seen = await runCell(cell)
    const isRight = isAsExpected(cell, seen)
    rows.push({ ...cell, seen, isRight })
    if (options.all || !isRight)
      print(
        `${isRight ? ' ' : '!'} ${lineOf(cell)}${isRight ? '' : `\n    seen: ${seen.shown} (${seen.reply}), ${seen.messages} messages`}`,
      )
  }
  const right = rows.filter(({ isRight }) => isRight).length
  print(`${right} of ${rows.length} cells are as expected`)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 1)}\n`)
  return right === rows.length && rows.length > 0 ? 0 : 1
}

function lineOf({ mx, address, tlsa, server: { chain, starttls }, expected, source }: Cell): string {
  return [
    `MX ${mx}`,
    `address ${address}`,
    `TLSA ${shownTlsa(tlsa)}`,
    `STARTTLS ${starttls} (${chain.join(' ')})`,
    `→ ${expected}`,
    source,
  ].join(' | ')
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
