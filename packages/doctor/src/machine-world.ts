/** The world as it is: this machine, and the network. */
import { createSocket } from 'node:dgram'
import { mkdtemp, open, readFile, rm, stat, statfs } from 'node:fs/promises'
import { connect as connectSocket, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import { getCACertificates } from 'node:tls'
import { isPrivate } from './private.ts'
import type { DiskReading, World } from './world.ts'

/** @param time hosts that are asked for the time (SNTP), as `ntp.example.net`, `192.0.2.123` or `[2001:db8::123]:1123`; none: the clock is not looked at */
export function machineWorld({ time }: { readonly time: readonly string[] }): World {
  return {
    nodeVersion: process.versions.node,
    uid: process.getuid?.(),
    openFiles,
    disk,
    fsyncMs,
    file: async (file) => {
      const reading = await stat(file)
      return { uid: reading.uid, mode: reading.mode & 0o7777, isFolder: reading.isDirectory() }
    },
    read: (file) => readFile(file, 'utf8'),
    authorities: () => [...getCACertificates('default'), ...getCACertificates('system')],
    clockOffsetMs: async (signal) => {
      for (const host of time) {
        const offset = await askTime(host, signal).catch(() => undefined) // another may answer
        if (offset !== undefined) return offset
      }
      return undefined
    },
    hasIpv6: publicAddresses().some((address) => address.includes(':')),
    connect,
  }
}

/** Addresses of this machine's interfaces that are not of a private network. */
export function publicAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return [
    ...new Set(all.filter(({ internal, address }) => !internal && !isPrivate(address)).map(({ address }) => address)),
  ]
}

/** The soft limit, from the system's own account of this process. */
async function openFiles(): Promise<number | undefined> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '') // another system than Linux
  const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1]
  if (soft === 'unlimited') return Number.MAX_SAFE_INTEGER
  return soft === undefined ? undefined : Number(soft)
}

async function disk(folder: string): Promise<DiskReading | undefined> {
  const place = await existing(folder)
  if (place === undefined) return undefined
  const { bsize, bavail, blocks, ffree, files } = await statfs(place)
  return { freeBytes: bsize * bavail, totalBytes: bsize * blocks, freeInodes: ffree, totalInodes: files }
}

/** What is made on first use is looked at where it will be. */
async function existing(folder: string): Promise<string | undefined> {
  for (let at = folder, last = ''; at !== last; last = at, at = path.dirname(at))
    if (await stat(at).catch(() => undefined)) return at
  return undefined
}

/** Written in a folder of its own, which is taken away again. */
async function fsyncMs(folder: string): Promise<number | undefined> {
  if (!(await stat(folder).catch(() => undefined))) return undefined
  const own = await mkdtemp(path.join(folder, '.doctor-'))
  try {
    const file = await open(path.join(own, 'probe'), 'wx', 0o600)
    try {
      const times: number[] = []
      const octets = Buffer.alloc(4096, 0x70)
      for (let i = 0; i < 7; i++) {
        const start = performance.now()
        await file.write(octets, 0, octets.length, i * octets.length)
        await file.datasync()
        times.push(performance.now() - start)
      }
      return times.toSorted((one, other) => one - other)[3]
    } finally {
      await file.close()
    }
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

/** Milliseconds that an SNTP server has. */
const TIME_PATIENCE = 3_000
/** Seconds from 1900, where NTP begins to count, to 1970. */
const EPOCH = 2_208_988_800

/** RFC 5905 §14: one question, one answer. Resolves to the milliseconds that our clock is ahead. */
function askTime(place: string, signal: AbortSignal): Promise<number> {
  const [, host = place, port = '123'] = /^(?=[^:]*:\d+$|\[)\[?(.*?)\]?(?::(\d+))?$/.exec(place) ?? []
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIME_PATIENCE)])
  return new Promise<number>((resolve, reject) => {
    limited.addEventListener('abort', () => reject(new Error('no answer')), { once: true })
    socket.once('error', reject)
    const begun = Date.now()
    socket.once('message', (answer) => {
      const ended = Date.now()
      if (answer.length < 48 || answer.readUInt32BE(40) === 0) return reject(new Error('no time'))
      const at = (offset: number): number =>
        (answer.readUInt32BE(offset) - EPOCH) * 1000 + (answer.readUInt32BE(offset + 4) / 2 ** 32) * 1000
      // RFC 5905 §8: theta, turned round.
      resolve(-((at(32) - begun + (at(40) - ended)) / 2))
    })
    const question = Buffer.alloc(48)
    question[0] = 0x23 // version 4, client
    socket.send(question, Number(port), host, (error) => error && reject(error))
  }).finally(() => socket.close())
}

function connect({
  host,
  port,
  timeoutMs,
}: {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
}): Promise<Socket> {
  const socket = connectSocket({ host, port, noDelay: true })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('timed out')), timeoutMs)
    socket.once('error', reject).once('close', () => clearTimeout(timer))
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeListener('error', reject)
      resolve(socket)
    })
  })
}
