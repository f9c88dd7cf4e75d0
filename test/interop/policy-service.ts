/** Policy services of others, as Debian has them, each at a port of loopback. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath } from '../runner/program.ts'
import { freePorts } from './loopback.ts'

/** One that runs. */
export interface RealService extends AsyncDisposable {
  /** As main.cf has it. */
  readonly at: string
  readonly port: number
}

/** postgrey, with a delay of so many seconds. */
export async function startPostgrey(delay: number): Promise<RealService> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-postgrey-'))
  const [port = 0] = await freePorts(1)
  chmodSync(folder, 0o755)
  const isRoot = process.getuid?.() === 0
  if (isRoot) execFileSync(programPath('chown'), ['postgrey', folder])
  const user = isRoot ? [] : [`--user=${process.getuid?.()}`]
  const child = spawn(
    programPath('postgrey'),
    [`--inet=127.0.0.1:${port}`, `--dbdir=${folder}`, `--delay=${delay}`, '--max-age=1', ...user],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  )
  await answering(port, child)
  return service(port, async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
  })
}

/** policyd-rate-limit, which lets a sender have so many recipients in a minute. */
export async function startPolicydRateLimit(recipients: number): Promise<RealService> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-policyd-rate-limit-'))
  const [port = 0] = await freePorts(1)
  chmodSync(folder, 0o777)
  const config = [
    'debug: False',
    'user: "nobody"',
    'group: "nogroup"',
    `pidfile: "${folder}/pid"`,
    'backend: 0',
    'sqlite_config:',
    `    database: "${folder}/db.sqlite3"`,
    `SOCKET: ["127.0.0.1", ${port}]`,
    'limits:',
    `    - [${recipients}, 60]`,
    'limits_by_id: {}',
    'limit_by_sasl: False',
    'limit_by_sender: True',
    'limit_by_ip: False',
    'success_action: "dunno"',
    'fail_action: "defer_if_permit Rate limit reach, retry later"',
    'db_error_action: "dunno"',
    'report: False',
    'delay_to_close: 300',
  ]
  writeFileSync(join(folder, 'config.yaml'), `${config.join('\n')}\n`)
  const child = spawn(programPath('policyd-rate-limit'), ['--file', join(folder, 'config.yaml')], { stdio: 'ignore' })
  await answering(port, child)
  return service(port, async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
  })
}

/** policyd-spf speaks on standard input; Postfix starts one for each connection, by spawn(8). */
export async function startPolicydSpf(): Promise<RealService> {
  const children = new Set<ChildProcess>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const child = spawn(programPath('policyd-spf'), { stdio: ['pipe', 'pipe', 'ignore'] })
    children.add(child)
    sockets.add(socket)
    child.on('exit', () => {
      children.delete(child)
      socket.destroy()
    })
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    child.stdin.on('error', () => undefined)
    socket.pipe(child.stdin)
    child.stdout.pipe(socket)
  })
  const [port = 0] = await freePorts(1)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return service(port, async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    for (const child of children) child.kill('SIGTERM')
    await once(server, 'close')
  })
}

function service(port: number, stop: () => Promise<void>): RealService {
  return { at: `inet:127.0.0.1:${port}`, port, [Symbol.asyncDispose]: stop }
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  const end = performance.now() + 60_000
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise<boolean>((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
    if (isOpen) return
    if (child.exitCode !== null || performance.now() > end) throw new Error(`nobody listens on port ${port}`)
    await sleep(50)
  }
}
