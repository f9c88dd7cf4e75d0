/** Runs test files, each in a process of its own with a limit on its time: one that hangs does not take the others with it. */
import { run } from 'node:test'
import type { Reporter } from './reporter.ts'

/** How test files are run. */
export interface RunOptions {
  readonly cwd: string
  /** Files at the same time. */
  readonly concurrency: number
  /** Milliseconds a file may take. */
  readonly fileLimitMs: number
  /** Arguments for node. */
  readonly execArgv?: readonly string[]
  readonly signal?: AbortSignal
}

const HEARTBEAT_MS = 20_000

/** Resolves when all files have ended; what came of them is in the reporter. */
export async function runFiles(files: readonly string[], reporter: Reporter, options: RunOptions): Promise<void> {
  const waiting = [...files]
  const heartbeat = setInterval(() => reporter.heartbeat(), HEARTBEAT_MS)
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined && !options.signal?.aborted; file = waiting.shift())
      await runFile(file, reporter, options)
  }
  await Promise.all(Array.from({ length: options.concurrency }, work))
  clearInterval(heartbeat)
  reporter.clear()
}

function runFile(file: string, reporter: Reporter, { cwd, fileLimitMs, execArgv = [], signal }: RunOptions): Promise<void> {
  const limit = AbortSignal.timeout(fileLimitMs)
  return reporter.read(
    run({ files: [file], cwd, isolation: 'process', execArgv: [...execArgv], signal: signal ? AbortSignal.any([signal, limit]) : limit }),
  )
}
