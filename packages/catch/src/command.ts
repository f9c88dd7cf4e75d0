/** `postroad catch`: one command, nothing to configure. */
import { guardProcess } from 'postroad'
import { type CatchArguments, HELP, readArguments, WrongArguments } from './arguments.ts'
import type { CaughtEntry } from './entry.ts'
import { type RunningCatch, startCatch } from './start.ts'

export { startCatch } from './start.ts'

import { version } from './version.ts'

const EX_USAGE = 2

/** Runs until it is told to stop; resolves to the exit code. */
export async function catchCommand(words: readonly string[]): Promise<number> {
  let asked: CatchArguments
  try {
    asked = readArguments(words)
  } catch (error) {
    if (!(error instanceof WrongArguments)) throw error
    process.stderr.write(`catch: ${error.message}\n(add --help for what there is)\n`)
    return EX_USAGE
  }
  if (asked.mode !== 'run') {
    process.stdout.write(asked.mode === 'help' ? HELP : `${version()}\n`)
    return 0
  }
  const stopped = stop()
  let running: RunningCatch
  try {
    running = await startCatch({ ...asked, log: { level: 'warn', ...(process.stderr.isTTY && { format: 'pretty' }) } })
  } catch (error) {
    process.stderr.write(`catch: ${sentence(error)}\n`)
    return 1
  }
  // A mail that is odd beyond what anybody has thought of must not end it.
  guardProcess(running.server.log)
  greet(running, asked)
  let hasDropped = false
  running.collection.watch((change) => {
    if (change.kind === 'added' && !asked.isQuiet) process.stdout.write(`${line(change.entry)}\n`)
    if (change.kind === 'dropped' && !hasDropped) {
      hasDropped = true
      const { messages, octets } = asked.bounds
      process.stderr.write(
        `From now on the oldest go: no more than ${messages} messages and ${octets} octets are kept (--max, --disk).\n`,
      )
    }
  })
  await stopped
  await running.close()
  return 0
}

function greet({ smtp, http, rules }: RunningCatch, asked: CatchArguments & { mode: 'run' }): void {
  const lines = [`Mail: ${placed(asked.smtp.host, smtp)}`]
  if (asked.http && http !== undefined) lines.push(`Page: http://${placed(shownHost(asked.http.host), http)}/`)
  if (asked.folder !== undefined) lines.push(`Kept in ${asked.folder}`)
  if (rules.length > 0) lines.push('Like a strict receiver:', ...rules.map((rule) => `  - ${rule}`))
  process.stdout.write(`${lines.join('\n')}\n`)
  if (asked.isExposed)
    process.stderr.write('Warning: other machines can reach it (--expose). Whoever does reads and deletes all mail.\n')
}

/** An address that stands for all of them is none that a browser could ask. */
function shownHost(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
}

function placed(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** What came, in a line; nothing of it moves the cursor of the terminal. */
function line({ at, sender, recipients, subject }: CaughtEntry): string {
  const [to = '', ...others] = recipients
  const more = others.length > 0 ? ` +${others.length}` : ''
  return visible(
    `${new Date(at).toTimeString().slice(0, 8)} ${sender || '<>'} → ${to}${more}  ${subject.slice(0, 100)}`,
  )
}

function visible(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A second signal ends it at once. */
function stop(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}
