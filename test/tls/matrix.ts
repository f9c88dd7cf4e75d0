/** `npm run matrix`, or `node test/tls/matrix.ts` in a built tree: what becomes of mail to hosts whose DNSSEC, TLSA records and TLS are right, wrong and everything between. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { freePorts } from '../interop/loopback.ts'
import { requires } from '../runner/requires.ts'
import { type Cell, lineOf } from './cell.ts'
import { CELLS } from './cells.ts'
import { DNS_PACKAGES, DnsLab } from './dns-lab.ts'
import { isAsExpected, runCell, type Seen } from './run-cell.ts'
import { runReal } from './run-real.ts'

const HELP = `npm run matrix -- [options]

Brings one message to each of ${CELLS.length} hosts: MX records and addresses that are signed, unsigned, wrong or silent; TLSA records that fit, do not
fit or cannot be used; servers with and without STARTTLS. What must become of it follows from the paragraph that each row names. Exit code 0
when everything was as expected, 1 when not. Traffic stays on this machine.

  --zones literal  DNS as a validating resolver would say it (default)
  --zones real     zones that are signed, served by nsd and validated by unbound: minutes. Installs them where it may (Debian, root)
  --only TEXT      rows in which the text stands
  --rows 7,12-20   rows by number
  --all            print all rows, not only those that are not as expected
  --json FILE      write the rows with what was seen: for other mail servers to be held against
  --help           this text`

const { values: options } = parseArgs({
  options: {
    zones: { type: 'string', default: 'literal' },
    only: { type: 'string', default: '' },
    rows: { type: 'string' },
    all: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) print(HELP)
else process.exitCode = await run()

async function run(): Promise<number> {
  switch (options.zones) {
    case 'literal':
      return await runAll(runCell)
    case 'real':
      return await overReal()
    default:
      process.stderr.write(`--zones ${options.zones}: known are literal and real\n`)
      return 64
  }
}

async function overReal(): Promise<number> {
  if (isMissing(requires(...DNS_PACKAGES))) return 69
  const [port = 0] = await freePorts(1)
  await using lab = await DnsLab.open()
  return await runAll((cell) => runReal(cell, lab, port))
}

function isMissing(reason: string | false): boolean {
  if (reason !== false) process.stderr.write(`${reason}\n`)
  return reason !== false
}

/** What is known of a cell after it ran. */
type Row = Cell & { readonly number: number; readonly seen: Seen; readonly isRight: boolean }

async function runAll(see: (cell: Cell) => Promise<Seen>): Promise<number> {
  const rows: Row[] = []
  for (const { cell, number } of chosen()) {
    const seen = await see(cell)
    const row: Row = { number, ...cell, seen, isRight: isAsExpected(cell, seen) }
    rows.push(row)
    show(row)
  }
  const right = rows.filter(({ isRight }) => isRight).length
  print(`${right} of ${rows.length} cells are as expected`)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 1)}\n`)
  return right === rows.length && rows.length > 0 ? 0 : 1
}

function show(row: Row): void {
  const { number, isRight, seen } = row
  if (isRight && !options.all) return
  print(`${isRight ? ' ' : '!'} ${number} ${lineOf(row)}`)
  if (!isAsExpected(row, seen)) print(`    seen: ${seen.shown} (${seen.reply}), ${seen.messages} messages`)
}

function chosen(): readonly { readonly cell: Cell; readonly number: number }[] {
  const ranges = options.rows?.split(',').map((range) => range.split('-').map(Number))
  const isChosen = (number: number) => ranges?.some(([from = 0, to = from]) => from <= number && number <= to) ?? true
  return CELLS.map((cell, at) => ({ cell, number: at + 1 })).filter(
    ({ cell, number }) => isChosen(number) && lineOf(cell).includes(options.only),
  )
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
