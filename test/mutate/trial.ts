/** Do the tests notice? One run of test files in one process, ended at the first failure or at its time limit. */
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How a run of tests ended. `hangs`: it did not end within its time, and no test had failed by then. */
export type Verdict = 'passes' | 'fails' | 'hangs'

/** How a run ended, and after how long. */
export interface Run {
  readonly verdict: Verdict
  readonly ms: number
  /** The first failure, or the end of what was printed. */
  readonly said: string
}

const FLAGS = [
  '--conditions=@postroad/source',
  '--no-warnings',
  '--import=./test/runner/seed.ts',
  '--test',
  '--test-isolation=none',
]

/** What does not change from mutant to mutant is compiled once. */
const COMPILE_CACHE = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.work', 'mutate-cache')

/** Runs test files, as paths from `folder`. */
export function runTests(folder: string, files: readonly string[], limitMs: number): Promise<Run> {
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...FLAGS, '--test-reporter=tap', ...files], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, NODE_COMPILE_CACHE: COMPILE_CACHE },
    })
    let output = ''
    let verdict: Verdict | undefined
    const end = (how: Verdict): void => {
      verdict ??= how
      if (child.pid !== undefined) kill(child.pid)
    }
    const timer = setTimeout(() => end('hangs'), limitMs)
    const read = (text: string): void => {
      output = (output + text).slice(-20_000)
      if (/^ *not ok /m.test(output)) end('fails')
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    child.on('close', (code) => {
      clearTimeout(timer)
      const said = /^ *(not ok .*)$/m.exec(output)?.[1] ?? output.trimEnd().split('\n').slice(-3).join('\n')
      resolve({ verdict: verdict ?? (code === 0 ? 'passes' : 'fails'), ms: performance.now() - started, said })
    })
  })
}

/** The whole group: tests start servers. */
function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** The unit tests of a package that reach a source by their imports, nearest first; all of them when none does. */
export function unitTestsFor(root: string, path: string): string[] {
  const all = allUnitTests(root, path.split('/').slice(0, 2).join('/'))
  const near = (file: string): number => relative(dirname(path), file).split('/').length
  const reaching = all.filter((file) => reaches(root, file, path, new Set()))
  return (reaching.length > 0 ? reaching : all).toSorted((a, b) => near(a) - near(b))
}

/** The unit tests of a package, as paths from `root`. */
export function allUnitTests(root: string, folder: string): string[] {
  return globSync(`${folder}/src/**/*.test.ts`, { cwd: root })
    .filter((file) => /from 'node:test'/.test(readFileSync(join(root, file), 'utf8')))
    .sort()
}

function reaches(root: string, from: string, to: string, seen: Set<string>): boolean {
  if (from === to) return true
  if (seen.has(from)) return false
  seen.add(from)
  let text: string
  try {
    text = readFileSync(join(root, from), 'utf8')
  } catch {
    return false // no file of ours
  }
  const targets = [...text.matchAll(/from '(\.[^']+)'/g)].map((match) => join(dirname(from), match[1] ?? ''))
  return targets.some((target) => reaches(root, target, to, seen))
}
