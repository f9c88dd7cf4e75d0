/** A real spamd for tests: Debian's rules, no network, own memory (Bayes), own port on loopback. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath, systemPath } from '../runner/program.ts'
import { freePorts } from './loopback.ts'

const START_LIMIT_MS = 120_000
const SITE = '/etc/spamassassin'

/** A running (or stopped) spamd. */
export interface Spamd extends AsyncDisposable {
  readonly port: number
  /** At once, with its children. */
  kill(): Promise<void>
  start(): Promise<void>
  log(): string
}

/** What differs from the spamd of most tests. */
export interface SpamdOptions {
  /** Messages at the same time. */
  readonly children?: number
  /** Lines of local.cf. */
  readonly rules?: string
  readonly arguments?: readonly string[]
}

/** Starts one. */
export async function startSpamd({
  children = 2,
  rules = '',
  arguments: more = [],
}: SpamdOptions = {}): Promise<Spamd> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-spamd-'))
  const [port = 0] = await freePorts(1)
  for (const name of readdirSync(SITE).filter((file) => file.endsWith('.pre')))
    copyFileSync(join(SITE, name), join(folder, name))
  // `lock_method flock`: the other one leaves files behind.
  const settings = `bayes_path ${folder}/bayes\nbayes_auto_learn 0\nlock_method flock\n${rules}\n`
  writeFileSync(join(folder, 'local.cf'), settings)
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(folder, Number(execFileSync(programPath('id'), ['-u', 'nobody'])), 0)
  const argv = [
    ...['-L', '-x', '-i', '127.0.0.1', '-p', `${port}`, '-m', `${children}`, '--min-children', `${children}`],
    ...['--siteconfigpath', folder, '--syslog', 'stderr', '--allow-tell', '--helper-home-dir', folder],
    ...(isRoot ? ['--username', 'nobody'] : []),
    ...more,
  ]
  let child: ChildProcess | undefined
  let said = ''
  const kill = async (): Promise<void> => {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const gone = once(running, 'exit')
    running.kill('SIGKILL')
    await gone
    // Its children outlive it.
    for (const [, pid] of said.matchAll(/spawned child process, pid (\d+)/g))
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {
        // It was gone before.
      }
    said = ''
  }
  const start = async (): Promise<void> => {
    const env = { PATH: systemPath(), HOME: folder }
    const started = spawn(programPath('spamd'), argv, { stdio: ['ignore', 'ignore', 'pipe'], env })
    child = started
    started.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    const end = performance.now() + START_LIMIT_MS
    while (!(await answers(port))) {
      if (started.exitCode !== null || performance.now() > end) throw new Error(`spamd does not start: ${said}`)
      await sleep(100)
    }
  }
  const dispose = async (): Promise<void> => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await dispose()
    throw error
  }
  return { port, kill, start, log: () => said, [Symbol.asyncDispose]: dispose }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1').setTimeout(10_000, () => socket.destroy())
  socket.end('PING SPAMC/1.2\r\n\r\n')
  let said = ''
  try {
    for await (const chunk of socket.setEncoding('latin1')) said += chunk
  } catch {
    return false // nobody listens yet
  }
  return said.includes('PONG')
}
