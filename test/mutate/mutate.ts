/** `npm run mutate`: how much of what is broken on purpose do the tests notice? */
import { appendFileSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, matchesGlob } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { applied } from './operators.ts'
import { type Equivalent, type Judged, score, table } from './result.ts'
import { type Candidate, candidates, draw, PLACES } from './sample.ts'
import { makeSandbox } from './sandbox.ts'
import { allUnitTests, type Run, runTests, unitTestsFor } from './trial.ts'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
/** What is run where the unit tests of the package have noticed nothing. */
const WIDER = ['test/host', 'test/conformance', 'test/dialogues']

const HELP = `npm run mutate -- [options]

Breaks one place of the source at a time, in a copy of the repository, and runs the unit tests of its package; what they do
not notice is tried again with ${WIDER.join(', ')}. Unnoticed is what no test fails for; a run that
hangs counts as unnoticed, too. Mutants that are shown to be equivalent stand in test/mutate/equivalent.json, each with its
reason, and are not counted. Runs that were broken off go on where they were: a verdict is kept as long as the line reads
the same. test/mutate/score.json has figures of the unit tests alone.

  --sample N     mutants to try (default 300)
  --seed TEXT    which ones (default "postroad")
  --only GLOB    sources, instead of ${PLACES.join(', ')}
  --within GLOB  of the sample, those in these sources
  --unit         run the unit tests alone
  --workers N    at the same time (default 2)
  --minutes N    stop after this time; the next run goes on (default 60)
  --floor N      exit code 1 below this share of noticed mutants, in percent (default 85)
  --fresh        forget what earlier runs found out
  --again        forget what earlier runs did not notice
  --list         print the mutants and end
  --json FILE    write every verdict
  --help         this text`

/** Milliseconds over three times what the tests take when nothing is broken. */
const PATIENCE_MS = 15_000

const { values: options } = parseArgs({
  options: {
    sample: { type: 'string', default: '300' },
    seed: { type: 'string', default: 'postroad' },
    only: { type: 'string' },
    within: { type: 'string' },
    unit: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '60' },
    floor: { type: 'string', default: '85' },
    fresh: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

process.exitCode = await main()

async function main(): Promise<number> {
  if (options.help) return say(HELP)
  const numbers = {
    sample: whole(options.sample),
    workers: whole(options.workers),
    minutes: whole(options.minutes),
    floor: whole(options.floor),
  }
  const wrong = Object.entries(numbers).find(([, value]) => value === undefined)
  if (wrong) return say(`--${wrong[0]} is a whole number above 0\n\n${HELP}`, 2)
  const { sample = 0, workers = 0, minutes = 0, floor = 0 } = numbers
  const all = candidates(ROOT, options.only === undefined ? undefined : [options.only])
  const { within } = options
  const drawn = draw(ROOT, all, { count: sample, seed: options.seed }).filter(
    ({ path }) => !within || matchesGlob(path, within),
  )
  if (drawn.length === 0) return say(`No mutant: ${options.only ?? 'the sources'} has nothing to break`, 2)
  if (options.list)
    return say(drawn.map((each) => `${each.path}:${each.mutant.line} ${each.mutant.what}: ${each.text}`).join('\n'))
  say(`${drawn.length} of ${all.length} mutants, seed "${options.seed}"`)
  const judged = await judge(drawn, { workers, until: performance.now() + minutes * 60_000 })
  if (judged === undefined) return 2
  const result = score(judged, equivalents())
  if (options.json !== undefined)
    writeFileSync(
      options.json,
      `${JSON.stringify({ seed: options.seed, ...numbersOf(all, judged), ...result }, null, 2)}\n`,
    )
  say(table(result))
  if (judged.length < drawn.length) return say(`${drawn.length - judged.length} are left: run it again to go on`, 1)
  return result.percent >= floor ? 0 : say(`The floor is ${floor} %`, 1)
}

interface Limits {
  readonly workers: number
  /** By `performance.now()`. */
  readonly until: number
}

async function judge(drawn: readonly Candidate[], limits: Limits): Promise<Judged[] | undefined> {
  const memory = join(ROOT, '.work', 'mutate.jsonl')
  mkdirSync(dirname(memory), { recursive: true })
  if (options.fresh) writeFileSync(memory, '')
  const known = recall(memory)
  if (options.again) for (const [id, { verdict }] of known) if (verdict !== 'fails') known.delete(id)
  const stages: readonly Stage[] = options.unit ? ['unit'] : ['unit', 'wider']
  for (const stage of stages) {
    const waiting = drawn.filter(({ id }) => isWaiting(known.get(id), stage))
    say(`${drawn.length - waiting.length} need no ${stage} tests, ${waiting.length} do`)
    if (waiting.length > 0 && !(await tryAll(waiting, { ...limits, stage, known, memory }))) return undefined
  }
  return drawn
    .flatMap(({ id }) => known.get(id) ?? [])
    .filter((one) => !isWaiting(one, options.unit ? 'unit' : 'wider'))
}

type Stage = Judged['stage']

function isWaiting(known: Judged | undefined, stage: Stage): boolean {
  if (stage === 'unit') return known === undefined
  return known === undefined || (known.stage === 'unit' && known.verdict !== 'fails')
}

interface Trial extends Limits {
  readonly stage: Stage
  readonly known: Map<string, Judged>
  /** The file that keeps the verdicts. */
  readonly memory: string
}

/** False when the tests fail with nothing broken. */
async function tryAll(waiting: Candidate[], { workers, until, stage, known, memory }: Trial): Promise<boolean> {
  const count = waiting.length
  const soundMs = new Map<string, number>()
  for (const key of new Set(waiting.map(({ path }) => packageOf(path, stage)))) {
    const run = await runTests(ROOT, key === '' ? wider() : allUnitTests(ROOT, key), 300_000)
    if (run.verdict !== 'passes') {
      say(`The tests fail with nothing broken: ${run.said}`)
      return false
    }
    soundMs.set(key, run.ms)
  }
  let done = 0
  const work = async (): Promise<void> => {
    using sandbox = makeSandbox(ROOT)
    for (let next = waiting.shift(); next && performance.now() < until; next = waiting.shift()) {
      const limitMs = 3 * (soundMs.get(packageOf(next.path, stage)) ?? 0) * workers + PATIENCE_MS
      const verdict = await tryOne(sandbox.folder, next, { stage, limitMs })
      known.set(next.id, verdict)
      appendFileSync(memory, `${JSON.stringify(verdict)}\n`)
      const mark = verdict.verdict === 'fails' ? '✔' : '✖'
      say(
        `${mark} ${stage} ${++done}/${count} ${next.path}:${next.mutant.line} ${next.mutant.what} ${(verdict.ms / 1000).toFixed(1)} s`,
      )
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return true
}

/** Mutants of one package have the same tests; of the wider ones there is one set. */
function packageOf(path: string, stage: Stage): string {
  return stage === 'unit' ? path.split('/').slice(0, 2).join('/') : ''
}

async function tryOne(
  folder: string,
  { path, mutant, id, text, nth }: Candidate,
  { stage, limitMs }: { readonly stage: Stage; readonly limitMs: number },
): Promise<Judged> {
  const source = readFileSync(join(folder, path), 'utf8')
  writeFileSync(join(folder, path), applied(source, mutant))
  const started = performance.now()
  let last: Run = { verdict: 'passes', ms: 0, said: '' }
  for (const files of stage === 'unit' ? nearFirst(unitTestsFor(folder, path), path) : [wider()]) {
    if (files.length > 0) last = await runTests(folder, files, limitMs)
    if (last.verdict === 'fails') break
  }
  const { verdict, said } = last
  const ms = performance.now() - started
  writeFileSync(join(folder, path), source)
  const { line, what } = mutant
  return { id, path, line, what, text, nth, stage, verdict, said, ms }
}

/** The tests beside a source, which are quick and mostly know, and then the others. */
function nearFirst(files: readonly string[], path: string): readonly (readonly string[])[] {
  const isNear = (file: string) => dirname(file) === dirname(path)
  return [files.filter(isNear), files.filter((file) => !isNear(file))]
}

function numbersOf(all: readonly Candidate[], judged: readonly Judged[]): object {
  return {
    candidates: all.length,
    sampled: judged.length,
    minutes: Math.round(judged.reduce((sum, { ms }) => sum + ms, 0) / 60_000),
  }
}

function wider(): string[] {
  return globSync(
    WIDER.map((folder) => `${folder}/**/*.test.ts`),
    { cwd: ROOT },
  ).sort()
}

function recall(file: string): Map<string, Judged> {
  if (!existsSync(file)) return new Map()
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  // `as`: we wrote it.
  return new Map(lines.map((line) => JSON.parse(line) as Judged).map((each) => [each.id, each]))
}

function equivalents(): Equivalent[] {
  // `as`: it is committed beside this file.
  return JSON.parse(readFileSync(new URL('./equivalent.json', import.meta.url), 'utf8')) as Equivalent[]
}

function whole(text: string): number | undefined {
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined
}

function say(text: string, code = 0): number {
  process.stdout.write(`${text}\n`)
  return code
}
