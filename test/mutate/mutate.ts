/** `npm run mutate`: how much of what is broken on purpose do the tests notice? */
import { appendFileSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { applied } from './operators.ts'
import { type Equivalent, type Judged, score, table } from './result.ts'
import { type Candidate, candidates, draw, PLACES } from './sample.ts'
import { makeSandbox } from './sandbox.ts'
import { type Run, runTests, unitTestsFor } from './trial.ts'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
/** What is run when the unit tests of the package have noticed nothing. */
const WIDER = ['test/host', 'test/conformance', 'test/dialogues']

const HELP = `npm run mutate -- [options]

Breaks one place of the source at a time, in a copy of the repository, and runs the unit tests of its package and then
${WIDER.join(', ')}. Unnoticed is what no test fails for; a run that hangs counts as unnoticed, too. Mutants that
are shown to be equivalent stand in test/mutate/equivalent.json, each with its reason, and are not counted.
Runs that were broken off go on where they were, as long as the sources are the same.

  --sample N     mutants to try (default 300)
  --seed TEXT    which ones (default "postroad")
  --only GLOB    sources, instead of ${PLACES.join(', ')}
  --workers N    at the same time (default 2)
  --minutes N    stop after this time; the next run goes on (default 60)
  --floor N      exit code 1 below this share of noticed mutants, in percent (default 85)
  --fresh        forget what earlier runs found out
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
    workers: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '60' },
    floor: { type: 'string', default: '85' },
    fresh: { type: 'boolean', default: false },
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
  const drawn = draw(ROOT, all, { count: sample, seed: options.seed })
  if (drawn.length === 0) return say(`No mutant: ${options.only ?? 'the sources'} has nothing to break`, 2)
  if (options.list) return say(drawn.map((each) => `${each.path}:${each.mutant.line} ${each.mutant.what}: ${each.text}`).join('\n'))
  say(`${drawn.length} of ${all.length} mutants, seed "${options.seed}"`)
  const judged = await judge(drawn, { workers, until: performance.now() + minutes * 60_000 })
  if (judged === undefined) return 2
  const result = score(judged, equivalents())
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ seed: options.seed, ...result }, null, 2)}\n`)
  say(table(result))
  if (judged.length < drawn.length) return say(`${drawn.length - judged.length} are left: run it again to go on`, 1)
  return result.percent >= floor ? 0 : say(`The floor is ${floor} %`, 1)
}

interface Limits {
  readonly workers: number
  /** By `performance.now()`. */
  readonly until: number
}

async function judge(drawn: readonly Candidate[], { workers, until }: Limits): Promise<Judged[] | undefined> {
  const memory = join(ROOT, '.work', 'mutate.jsonl')
  mkdirSync(dirname(memory), { recursive: true })
  if (options.fresh) writeFileSync(memory, '')
  const known = recall(memory)
  const judged = drawn.flatMap((each) => known.get(each.id) ?? [])
  const waiting = drawn.filter(({ id }) => !known.has(id))
  if (waiting.length === 0) return judged
  if (judged.length > 0) say(`${judged.length} are known from an earlier run`)
  const soundMs = await soundRun()
  if (soundMs === undefined) return undefined
  const work = async (): Promise<void> => {
    using sandbox = makeSandbox(ROOT)
    for (let next = waiting.shift(); next && performance.now() < until; next = waiting.shift()) {
      const verdict = await tryOne(sandbox.folder, next, 3 * soundMs * workers + PATIENCE_MS)
      judged.push(verdict)
      appendFileSync(memory, `${JSON.stringify(verdict)}\n`)
      const mark = verdict.verdict === 'fails' ? '✔' : '✖'
      say(
        `${mark} ${judged.length}/${drawn.length} ${next.path}:${next.mutant.line} ${next.mutant.what} ${(verdict.ms / 1000).toFixed(1)} s`,
      )
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return judged
}

/** Milliseconds that the wider tests take with nothing broken; undefined when they fail even so. */
async function soundRun(): Promise<number | undefined> {
  const run = await runTests(ROOT, wider(), 300_000)
  if (run.verdict === 'passes') return run.ms
  say(`The tests fail with nothing broken: ${run.said}`)
  return undefined
}

async function tryOne(folder: string, { path, mutant, id, text }: Candidate, limitMs: number): Promise<Judged> {
  const source = readFileSync(join(ROOT, path), 'utf8')
  writeFileSync(join(folder, path), applied(source, mutant))
  const started = performance.now()
  let last: Run | undefined
  for (const files of [unitTestsFor(ROOT, path), wider()]) {
    if (files.length === 0) continue
    last = await runTests(folder, files, limitMs)
    if (last.verdict === 'fails') break
  }
  writeFileSync(join(folder, path), source)
  const { line, what } = mutant
  return { id, path, line, what, text, verdict: last?.verdict ?? 'passes', said: last?.said ?? '', ms: performance.now() - started }
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
