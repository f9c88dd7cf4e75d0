/** Policy services of others, as Debian has them, each at a port of loopback. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
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
