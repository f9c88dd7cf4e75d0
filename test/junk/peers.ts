/** Other filters that learn, from Debian's packages, on the same sets: each at the settings of those tried that are best on the training half. */
import { execFile, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { programPath } from '../runner/program.ts'
import type { Item } from './corpus.ts'
import { type Figures, figuresOf, type Judged } from './figures.ts'
import { rspamdBayes } from './rspamd-bayes.ts'

/** Settings by the names that the filter has for them. */
export type PeerSettings = Readonly<Record<string, number | string>>

/** A message of a set. */
export type PeerItem = Pick<Item, 'path' | 'label'>

/** A filter that is not ours. */
export interface Peer {
  readonly name: string
  /** What is tried; first its defaults. */
  readonly settings: readonly PeerSettings[]
  /** Learns one set and judges the other; milliseconds a message are of judging. */
  judge(
    train: readonly PeerItem[],
    test: readonly PeerItem[],
    settings: PeerSettings,
  ): Promise<{ readonly judged: Judged[]; readonly milliseconds: number }>
}

/** The settings with the least (1-AUC) where one half of the training half learns and the other is judged; nothing else is looked at. */
export async function bestOf(
  peer: Peer,
  train: readonly PeerItem[],
): Promise<{ readonly best: PeerSettings; readonly tried: readonly { settings: PeerSettings; figures: Figures }[] }> {
  const [learned, held] = [0, 1].map((rest) => train.filter((_, i) => i % 2 === rest)) as [PeerItem[], PeerItem[]] // of two rests
  const tried: { settings: PeerSettings; figures: Figures }[] = []
  for (const settings of peer.settings)
    tried.push({ settings, figures: figuresOf((await peer.judge(learned, held, settings)).judged) })
  const best = tried.reduce((least, one) => (one.figures.oneMinusAuc < least.figures.oneMinusAuc ? one : least))
  return { best: best.settings, tried }
}

const run = promisify(execFile)
const LARGE = { maxBuffer: 64 * 1024 * 1024 }

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-peer-'))
  // rspamd runs as somebody else.
  chmodSync(folder, 0o755)
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Feeds lines to a program and gives what it prints. */
function feed(program: string, args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
    child.on('error', reject)
    child.on('close', () => resolve(output))
    child.stdin.end(input)
  })
}

/** Bogofilter, registered in bulk; scores with all digits, as those at the ends are what a budget is about. Its own tuner wants 2,000 messages of each kind. */
export function bogofilter(): Peer {
  const program = programPath('bogofilter')
  const grid = [0.375, 0.02, 0.1, 0.2, 0.3, 0.45].flatMap((min_dev) =>
    [0.0178, 0.001, 0.1, 0.3].map((robs) => ({ min_dev, robs })),
  )
  return {
    name: 'bogofilter',
    settings: grid,
    judge: (train, test, { min_dev, robs }) =>
      inFolder(async (folder) => {
        const own = ['-C', '-d', folder]
        const paths = (label: string) => train.filter((item) => item.label === label).map(({ path }) => path)
        await feed(program, [...own, '-s', '-b'], `${paths('junk').join('\n')}\n`)
        await feed(program, [...own, '-n', '-b'], `${paths('wanted').join('\n')}\n`)
        const start = performance.now()
        const digits = '--spamicity-formats=%0.16f,%0.16f,%0.16f'
        const output = await feed(
          program,
          [...own, '-v', '-b', '-T', '--terse-format=%A %p', digits, `--min-dev=${min_dev}`, `--robs=${robs}`],
          `${test.map(({ path }) => path).join('\n')}\n`,
        )
        const milliseconds = (performance.now() - start) / test.length
        const scores = output
          .trim()
          .split('\n')
          .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
        if (scores.length !== test.length || scores.some(Number.isNaN))
          throw new Error(`bogofilter printed ${output.slice(0, 200)}`)
        return { judged: judgedBy(test, scores), milliseconds }
      }),
  }
}

function judgedBy(test: readonly PeerItem[], scores: readonly number[]): Judged[] {
  return test.map((item, i) => ({ isJunk: item.label === 'junk', score: scores[i] ?? 0 }))
}

/** The Bayes classifier of rspamd alone. It rounds to 1 what is sure, so that nothing can be said of where 0.1 % is lost. */
export function rspamd(): Peer {
  return {
    name: 'rspamd',
    settings: [
      { min_tokens: 11, min_token_hits: 2 },
      { min_tokens: 11, min_token_hits: 1 },
      { min_tokens: 11, min_token_hits: 3 },
      { min_tokens: 1, min_token_hits: 2 },
    ],
    judge: (train, test, settings) =>
      inFolder(async (folder) => {
        await using running = await rspamdBayes(folder, {
          minTokens: Number(settings['min_tokens']),
          minTokenHits: Number(settings['min_token_hits']),
        })
        for (const { path, label } of train) await running.learn(path, label === 'junk')
        const start = performance.now()
        const scores: number[] = []
        for (const { path } of test) scores.push(await running.score(path))
        return { judged: judgedBy(test, scores), milliseconds: (performance.now() - start) / test.length }
      }),
  }
}

/** The Bayes filter of SpamAssassin alone: no rules, no network. One process learns and judges, by its own modules. */
export function spamAssassinBayes(): Peer {
  return {
    name: 'spamassassin',
    settings: [
      { bayes_token_sources: 'header visible invisible uri', bayes_use_hapaxes: 1 },
      { bayes_token_sources: 'all', bayes_use_hapaxes: 1 },
      { bayes_token_sources: 'header visible invisible uri', bayes_use_hapaxes: 0 },
    ],
    judge: (train, test, settings) =>
      inFolder(async (folder) => {
        const list = join(folder, 'list')
        const line = (what: string) => (item: PeerItem) => `${what} ${item.label === 'junk' ? 1 : 0} ${item.path}`
        writeFileSync(list, `${[...train.map(line('learn')), ...test.map(line('score'))].join('\n')}\n`)
        mkdirSync(join(folder, 'rules'))
        const own = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`)
        writeFileSync(join(folder, 'local.cf'), `${SPAMASSASSIN}${own.join('')}`)
        const script = join(import.meta.dirname, 'spamassassin-bayes.pl')
        const start = performance.now()
        const { stdout } = await run(programPath('perl'), [script, folder, list], LARGE)
        const scores = stdout.trim().split('\n').map(Number)
        if (scores.length !== test.length)
          throw new Error(`SpamAssassin gave ${scores.length} scores for ${test.length} messages`)
        const milliseconds = (performance.now() - start) / (train.length + test.length)
        return { judged: judgedBy(test, scores), milliseconds }
      }),
  }
}

const SPAMASSASSIN = `use_bayes 1
bayes_auto_learn 0
bayes_auto_expire 0
bayes_learn_to_journal 0
bayes_min_ham_num 50
bayes_min_spam_num 50
bayes_expiry_max_db_size 3000000
`
