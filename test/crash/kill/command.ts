/** One run of a `postroad queue …` beside the server, or without one. */
import { spawn } from 'node:child_process'
import type { Fixture } from './fixture.ts'
import { signal, stacksOf } from './processes.ts'

/** What came of it. */
export interface CommandResult {
  readonly args: readonly string[]
  /** The exit code, or the signal that ended it. */
  readonly ended: number | string
  readonly out: string
  readonly err: string
  readonly ms: number
  /** We killed it, and it was there to be killed. */
  readonly isKilled: boolean
  /** It did not end in time; what its threads did then. */
  readonly stacks?: string
}

/** How it is run. */
export interface CommandOptions {
  /** Milliseconds after which it is killed. */
  readonly killAfterMs?: number | undefined
  /** Milliseconds after which it hangs. */
  readonly patienceMs: number
  /** Time does not count while this says so: somebody is frozen. */
  readonly isPaused?: () => boolean
}

const OUTPUT_LIMIT = 1 << 20

/** Runs `postroad` with these arguments; resolves when it has ended, by itself or because its time was over. It never rejects. */
export async function runCommand(
  fixture: Fixture,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const began = performance.now()
  const [program = '', ...before] = fixture.command
  const child = spawn(program, [...before, ...args], {
    cwd: fixture.folder,
    env: fixture.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (out.length < OUTPUT_LIMIT) out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (err.length < OUTPUT_LIMIT) err += text
  })
  const ended = new Promise<number | string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, name) => resolve(name ?? code ?? 0))
  })
  let isKilled = false
  let stacks: Promise<string> | undefined
  const death =
    options.killAfterMs === undefined
      ? undefined
      : setTimeout(() => {
          isKilled = child.exitCode === null && child.kill('SIGKILL')
        }, options.killAfterMs)
  let waited = 0
  const look = setInterval(() => {
    if (!options.isPaused?.()) waited += 1_000
    if (waited < options.patienceMs || stacks) return
    const pid = child.pid ?? 0
    stacks = stacksOf([pid])
    void stacks.finally(() => signal(pid, 'SIGKILL'))
  }, 1_000)
  const how = await ended
  clearTimeout(death)
  clearInterval(look)
  const found = await stacks
  return {
    args,
    ended: how,
    out,
    err,
    ms: performance.now() - began,
    isKilled,
    ...(found !== undefined && { stacks: found }),
  }
}
