/** A clamd for tests that goes wrong on demand: it takes INSTREAM apart as clamd does, and answers what it is told to. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Daemon } from '@postroad/upstream'

/** What the fixture does with a message. */
export interface Behaviour {
  /** To a whole message. Default: finds `VIRUS`, and else nothing. */
  answer?(content: Buffer): string | undefined
  /** Octets of content after which it answers and hangs up, with the rest unread, as clamd does over its limit. */
  readonly early?: number
  /** Octets of content after which it dies, without a word. */
  readonly dies?: number
}

/** A running one. */
export interface FakeClamd extends AsyncDisposable {
  /** For the option `at`. */
  readonly at: string
  readonly daemon: Daemon
  /** Whole messages, in the order in which they came. */
  readonly messages: readonly Buffer[]
  readonly connections: number
  behave(behaviour: Behaviour): void
}

const LIMIT_REPLY = 'INSTREAM size limit exceeded. ERROR\0'

/** @throws {Error} in the server's own process when a length is nothing that a client of ours writes */
export async function fakeClamd(behaviour: Behaviour = {}): Promise<FakeClamd> {
  const messages: Buffer[] = []
  const sockets = new Set<Socket>()
  let current = behaviour
  let connections = 0
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    serve(socket, current, messages)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = (typeof address === 'object' ? address?.port : undefined) ?? 0
  const at = `127.0.0.1:${port}`
  return {
    at,
    daemon: { name: at, host: '127.0.0.1', port, tls: false },
    messages,
    get connections() {
      return connections
    },
    behave: (next) => {
      current = next
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function serve(socket: Socket, behaviour: Behaviour, messages: Buffer[]): void {
  const { answer = find, early = Number.POSITIVE_INFINITY, dies = Number.POSITIVE_INFINITY } = behaviour
  const content: Buffer[] = []
  let size = 0
  let rest = Buffer.alloc(0)
  /** Octets that the chunk still has. */
  let left = 0
  let isStream = false
  const end = (): void => {
    const whole = Buffer.concat(content)
    messages.push(whole)
    const said = answer(whole)
    if (said === undefined) socket.destroy()
    else socket.end(said)
  }
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data])
    if (!isStream) {
      const cut = rest.indexOf(0)
      if (cut < 0) return
      const command = rest.toString('latin1', 0, cut)
      rest = rest.subarray(cut + 1)
      isStream = command === 'zINSTREAM'
      if (!isStream) socket.end(command === 'zVERSION' ? 'ClamAV 1.4.3\0' : 'UNKNOWN COMMAND\0')
    }
    while (isStream && (left > 0 ? rest.length > 0 : rest.length >= 4)) {
      if (left === 0) {
        left = rest.readUInt32BE(0)
        rest = rest.subarray(4)
        if (left > 100_000_000) throw new Error(`a length that nobody wrote: ${left}`)
        if (left === 0) return void end()
        continue
      }
      const piece = rest.subarray(0, left)
      content.push(piece)
      size += piece.length
      left -= piece.length
      rest = rest.subarray(piece.length)
      if (size >= dies) return void socket.resetAndDestroy()
      if (size < early) continue
      // What is not read by then makes the kernel reset the connection.
      socket.pause().write(LIMIT_REPLY, () => socket.destroy())
      isStream = false
    }
    return undefined
  })
}

function find(content: Buffer): string {
  const name = /VIRUS(?:=(\S+))?/.exec(content.toString('latin1', 0, 10_000))
  return name ? `stream: ${name[1] ?? 'Test.Virus'} FOUND\0` : 'stream: OK\0'
}
