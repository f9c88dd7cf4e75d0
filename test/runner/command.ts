/** Runs one program to its end and keeps what it said. */
import { spawn } from 'node:child_process'

/** How a program ended. */
export interface CommandResult {
  /** Exit code; `undefined` when a signal ended it or it could not be started. */
  readonly code: number | undefined
  /** Standard output and standard error, as they came. */
  readonly output: string
  /** Wall clock, milliseconds. */
  readonly ms: number
}

/** Runs a program without a terminal; never rejects: a program that cannot be started is a result without a code. */
export function runCommand(
  argv: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly signal?: AbortSignal } = {},
): Promise<CommandResult> {
  const started = performance.now()
  const [program = '', ...rest] = argv
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: options.env ?? process.env,
      ...(options.signal && { signal: options.signal }),
    })
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', (error) => (output += `${error.message}\n`))
    child.on('close', (code) =>
      resolve({
        code: child.pid === undefined ? undefined : (code ?? undefined),
        output,
        ms: performance.now() - started,
      }),
    )
  })
}
