/** `npm run matrix`, or `node test/tls/matrix.ts` in a built tree: what becomes of mail to hosts whose DNSSEC, TLSA records and TLS are right, wrong and everything between. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { requiresExim } from '../delivery/exim.ts'
import { freePorts } from '../interop/loopback.ts'
import { requires } from '../runner/requires.ts'
import { type Cell, lineOf } from './cell.ts'
import { CELLS } from './cells.ts'
import { DNS_PACKAGES, DnsLab } from './dns-lab.ts'
import { eximOracle } from './oracle-exim.ts'
import { freeResolver, postfixOracle } from './oracle-postfix.ts'
import { publish } from './publish.ts'
import { isAsExpected, runCell, type Seen } from './run-cell.ts'
import { type Compared, runOracles } from './run-oracle.ts'
import { runReal } from './run-real.ts'

const HELP = `npm run matrix -- [options]

Brings one message to each of ${CELLS.length} hosts: MX records and addresses that are signed, unsigned, wrong or silent; TLSA records that fit, do not
fit or cannot be used; servers with and without STARTTLS. What must become of it follows from the paragraph that each row names. Exit code 0
when everything was as expected, 1 when not. Traffic stays on this machine.

  --zones literal  DNS as a validating resolver would say it (default)
  --zones real     zones that are signed, served by nsd and validated by unbound: minutes. Installs them where it may (Debian, root)
  --zones oracle   the same, through Postfix and Exim of Debian as well: they say what they would do, and where that differs stands why. Root
  --faults         no rows: 250 messages while the resolver, the zones and the clock break and are mended. Four minutes; installs the same
  --only TEXT      rows in which the text stands
  --rows 7,12-20   rows by number
  --all            print all rows, not only those that are not as expected
  --json FILE      write the rows with what was seen: for other mail servers to be held against
  --publish FOLDER after all rows with oracles: tls-matrix.csv, .json and .md
  --help           this text`

const { values: options } = parseArgs({
  options: {
    zones: { type: 'string', default: 'literal' },
    only: { type: 'string', default: '' },
    rows: { type: 'string' },
    all: { type: 'boolean', default: false },
    json: { type: 'string' },
    publish: { type: 'string' },
    faults: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) print(HELP)
else if (options.faults) process.exitCode = faults()
else process.exitCode = await run()

async function run(): Promise<number> {
  switch (options.zones) {
    case 'literal':
      return await runAll(runCell)
    case 'real':
      return await overReal()
    case 'oracle':
      return await withOracles()
    default:
      process.stderr.write(`--zones ${options.zones}: known are literal, real and oracle\n`)
      return 64
  }
}

/** What is not held against rows. */
function faults(): number {
  const file = join(import.meta.dirname, 'fault.long.ts')
  const argv = ['--conditions=@postroad/source', '--test', file]
  return spawnSync(process.execPath, argv, { stdio: 'inherit' }).status ?? 1
}

async function overReal(): Promise<number> {
  if (isMissing(requires(...DNS_PACKAGES))) return 69
  const [port = 0] = await freePorts(1)
  await using lab = await DnsLab.open()
  return await runAll((cell) => runReal(cell, lab, port))
}

async function withOracles(): Promise<number> {
  if (isMissing(requires(...DNS_PACKAGES, 'postfix') || requiresExim())) return 69
  const [port = 0] = await freePorts(1)
  const resolver = freeResolver()
  await using lab = await DnsLab.open({ address: resolver })
  await using postfix = await postfixOracle({ port, resolver })
  await using exim = eximOracle({ port, resolver })
  return await runAll((cell) => runOracles(cell, { lab, port, oracles: [postfix, exim] }))
}

function isMissing(reason: string | false): boolean {
  if (reason !== false) process.stderr.write(`${reason}\n`)
  return reason !== false
}

/** What is known of a cell after it ran. */
type Row = Cell & { readonly number: number } & (Compared | { readonly seen: Seen; readonly isRight: boolean })

async function runAll(see: (cell: Cell) => Promise<Seen | Compared>): Promise<number> {
  const rows: Row[] = []
  for (const { cell, number } of chosen()) {
    const seen = await see(cell)
    const row: Row = { number, ...cell, ...('opinions' in seen ? seen : { seen, isRight: isAsExpected(cell, seen) }) }
    rows.push(row)
    show(row)
    // After each: who stops a long run has what was seen.
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 1)}\n`)
  }
  const right = rows.filter(({ isRight }) => isRight).length
  print(`${right} of ${rows.length} cells are as expected`)
  const compared = rows.filter((row) => 'opinions' in row)
  if (options.publish !== undefined && compared.length === CELLS.length) publish(compared, options.publish)
  return right === rows.length && rows.length > 0 ? 0 : 1
}

function show(row: Row): void {
  const { number, isRight, seen } = row
  if (isRight && !options.all) return
  print(`${isRight ? ' ' : '!'} ${number} ${lineOf(row)}`)
  if (!isAsExpected(row, seen)) print(`    seen: ${seen.shown} (${seen.reply}), ${seen.messages} messages`)
  for (const { oracle, isSame, fate, reply, messages, reason } of 'opinions' in row ? row.opinions : [])
    if (!isSame || options.all)
      print(
        `    ${oracle}: ${fate} (${reply}), ${messages} messages${isSame ? '' : `: ${reason ?? 'nobody knows why'}`}`,
      )
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
