/** Ports of this machine. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const START_LIMIT_MS = 90_000

/** Below the range from which the kernel gives ports to connections and to who asks for any: what was free stays free until it is used. */
const PORTS = { from: 16_000, to: 32_000 }

/** TCP ports on loopback that nobody had a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const listening = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
  })
  if (!(await listening)) return false
  await once(server.close(), 'close')
  return true
}

/**
 * Resolves when the server on this port of 127.0.0.1 says its first line.
 *
 * @throws {Error} when it has not after 90 s; the signal's reason when that aborts, because the server has ended, say
 */
export async function waitForBanner(port: number, signal?: AbortSignal): Promise<void> {
  const end = performance.now() + START_LIMIT_MS
  while (!(await hasBanner(port))) {
    signal?.throwIfAborted()
    if (performance.now() > end) throw new Error(`nobody speaks on port ${port}`)
    await sleep(25)
  }
}

function hasBanner(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (value: boolean) => {
      socket.destroy()
      resolve(value)
    }
    socket.setTimeout(2_000, () => end(false))
    socket.once('data', () => end(true))
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
  })
}
