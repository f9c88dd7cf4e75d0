/** An example as a process of its own, started by the command `postroad` as an operator would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../structure/workspace.ts'

const EXIT_LIMIT_MS = 20_000

/** A running example. */
export interface Example extends AsyncDisposable {
  /** What it printed: canonical lines as JSON, and whatever else. */
  log(): string
  /** Asks it to stop; resolves to its exit code. */
  stop(): Promise<number | null>
  /** Ends it as a crash of the machine would. */
  kill(): Promise<void>
}

/**
 * Starts one, with a folder of its own.
 *
 * @param ready resolves when it is; its signal fires when it has ended
 */
export async function startExample(
  name: string,
  env: Readonly<Record<string, string>>,
  ready: (gone: AbortSignal) => Promise<void>,
): Promise<Example> {
  const folder = mkdtempSync(join(tmpdir(), `pr-${name}-`))
  const command = [
    '--conditions=@postroad/source',
    join(ROOT, 'packages/cli/src/bin.ts'),
    'start',
    join(ROOT, 'examples', name),
    '--log',
    'json',
  ]
  const child = spawn(process.execPath, command, {
    env: { ...process.env, POSTROAD_FOLDER: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const stop = () => end(child, 'SIGTERM')
  const dispose = async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const gone = new AbortController()
    child.once('close', () => gone.abort(new Error('it ended')))
    await ready(gone.signal)
  } catch (error) {
    await dispose()
    throw new Error(`${name} does not start: ${error instanceof Error ? error.message : error}\n${said}`)
  }
  return {
    log: () => said,
    stop,
    kill: async () => void (await end(child, 'SIGKILL')),
    [Symbol.asyncDispose]: dispose,
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const gone = once(child, 'exit')
  const limit = setTimeout(() => child.kill('SIGKILL'), EXIT_LIMIT_MS)
  child.kill(signal)
  await gone
  clearTimeout(limit)
  return child.exitCode
}
