/** Other filters that learn, from Debian's packages, on the same sets: each in the way in which it is at its best. */
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { programPath } from '../runner/program.ts'
import type { Item } from './corpus.ts'
import type { Judged } from './figures.ts'

/** A filter that is not ours. */
export interface Peer {
  readonly name: string
  /** Learns one set and judges the other; milliseconds a message are of judging. */
  judge(
    train: readonly Item[],
    test: readonly Item[],
  ): Promise<{ readonly judged: Judged[]; readonly milliseconds: number }>
}

const run = promisify(execFile)
const LARGE = { maxBuffer: 64 * 1024 * 1024 }

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-peer-'))
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

/** Bogofilter with its defaults, which nobody has tuned here: registered in bulk, scores with all digits. */
export function bogofilter(): Peer {
  const program = programPath('bogofilter')
  return {
    name: 'bogofilter',
    judge: (train, test) =>
      inFolder(async (folder) => {
        const paths = (label: string) => train.filter((item) => item.label === label).map(({ path }) => path)
        await feed(program, ['-d', folder, '-s', '-b'], `${paths('junk').join('\n')}\n`)
        await feed(program, ['-d', folder, '-n', '-b'], `${paths('wanted').join('\n')}\n`)
        const start = performance.now()
        const output = await feed(
          program,
          ['-d', folder, '-v', '-b', '--terse-format=%A %p', '-T'],
          `${test.map(({ path }) => path).join('\n')}\n`,
        )
        const milliseconds = (performance.now() - start) / test.length
        // `-T` prints the class and the score with six digits; a logit keeps those at the ends apart no better, so they stay as they are.
        const scores = output
          .trim()
          .split('\n')
          .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
        if (scores.length !== test.length || scores.some(Number.isNaN))
          throw new Error(`bogofilter printed ${output.slice(0, 200)}`)
        return { judged: test.map((item, i) => ({ isJunk: item.label === 'junk', score: scores[i]! })), milliseconds }
      }),
  }
}

/** The Bayes filter of SpamAssassin alone: no rules, no network. One process learns and judges, by its own modules. */
export function spamAssassinBayes(): Peer {
  return {
    name: 'spamassassin',
    judge: (train, test) =>
      inFolder(async (folder) => {
        const list = join(folder, 'list')
        const line = (what: string) => (item: Item) => `${what} ${item.label === 'junk' ? 1 : 0} ${item.path}`
        writeFileSync(list, `${[...train.map(line('learn')), ...test.map(line('score'))].join('\n')}\n`)
        mkdirSync(join(folder, 'rules'))
        writeFileSync(join(folder, 'local.cf'), SPAMASSASSIN)
        const script = join(import.meta.dirname, 'spamassassin-bayes.pl')
        const start = performance.now()
        const { stdout } = await run(programPath('perl'), [script, folder, list], LARGE)
        const scores = stdout.trim().split('\n').map(Number)
        if (scores.length !== test.length)
          throw new Error(`SpamAssassin gave ${scores.length} scores for ${test.length} messages`)
        const milliseconds = (performance.now() - start) / (train.length + test.length)
        return { judged: test.map((item, i) => ({ isJunk: item.label === 'junk', score: scores[i]! })), milliseconds }
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
