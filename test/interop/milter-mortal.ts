/** The filter of `milter-judge.ts` as a process of its own, which can be killed. Started with a place as JSON, it prints its lines to copy, and is one. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Filter, type FilterPlace, startFilter } from './milter-judge.ts'

type Lines = Readonly<Record<Parameters<Filter['line']>[0], string>>

/** Starts it. `stop` kills it, whatever it does. */
export async function startMortal(at: FilterPlace): Promise<Filter> {
  let child: ChildProcess | undefined
  let lines: Lines | undefined
  const start = async (): Promise<void> => {
    const argv = ['--conditions=@postroad/source', import.meta.filename, JSON.stringify(at)]
    const born = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
    child = born
    const [text] = await Promise.race([
      once(born.stdout, 'data'),
      once(born, 'exit').then(() => Promise.reject(new Error('the filter does not start'))),
    ])
    lines = JSON.parse(String(text))
  }
  const stop = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    line(file) {
      assert.ok(lines)
      return lines[file]
    },
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

if (import.meta.main) {
  const filter = await startFilter(JSON.parse(process.argv[2] ?? '{}'))
  const lines: Lines = { 'main.cf': filter.line('main.cf'), 'sendmail.mc': filter.line('sendmail.mc') }
  process.stdout.write(`${JSON.stringify(lines)}\n`)
}
