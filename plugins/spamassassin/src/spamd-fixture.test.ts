/** A spamd for tests that goes wrong on demand: it takes questions apart as spamd does, and answers what it is told to. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Daemon } from '@postroad/upstream'

/** One question, as it came. */
export interface Asked {
  readonly verb: string
  readonly fields: ReadonlyMap<string, string>
  readonly message: string
}

/** What is said to a question; undefined: it dies without a word. */
export type Answer = (asked: Asked) => string | undefined

/** A running one. */
export interface FakeSpamd extends AsyncDisposable {
  /** For the option `at`. */
  readonly at: string
  readonly daemon: Daemon
  readonly asked: Asked[]
  behave(answer: Answer): void
}

/** Starts one. */
export async function fakeSpamd(answer: Answer = opinion): Promise<FakeSpamd> {
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  let current = answer
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    serve(socket, (question) => {
      asked.push(question)
      return current(question)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number } // it listens on TCP
  const at = `127.0.0.1:${port}`
  return {
    at,
    daemon: { name: at, host: '127.0.0.1', port, tls: false },
    asked,
    behave: (next) => {
      current = next
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function serve(socket: Socket, answer: Answer): void {
  const chunks: Buffer[] = []
  let size = 0
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    size += chunk.length
  })
  socket.on('end', () => {
    const all = Buffer.concat(chunks, size)
    const end = all.indexOf('\r\n\r\n')
    const [first = '', ...lines] = all.toString('latin1', 0, end).split('\r\n')
    const fields = new Map(lines.map((line) => line.split(': ', 2) as [string, string]))
    const message = all.subarray(end + 4)
    const length = fields.get('Content-length')
    if (length !== undefined && Number(length) !== message.length) {
      socket.end(`SPAMD/1.0 76 Bad header line: (Content-Length mismatch: ${length} and ${message.length})\r\n`)
      return
    }
    const said = answer({ verb: first.replace(/ SPAMC\/1\.[25]$/, ''), fields, message: message.toString('latin1') })
    if (said === undefined) socket.destroy()
    else socket.end(said)
  })
}

/** `SCORE=7.5` in the message is its score; five points are spam. */
export function opinion({ verb, message, fields }: Asked): string {
  if (verb === 'PING') return 'SPAMD/1.5 0 PONG\r\n'
  if (verb === 'TELL') return 'SPAMD/1.1 0 EX_OK\r\nDidSet: local\r\n\r\n\r\n'
  const user = fields.get('User') ?? ''
  const score = Number(new RegExp(`SCORE(?:-${user})?=(-?[\\d.]+)`).exec(message)?.[1] ?? 0)
  const spam = `Spam: ${score >= 5 ? 'True' : 'False'} ; ${score.toFixed(1)} / 5.0\r\n`
  if (verb === 'CHECK') return `SPAMD/1.1 0 EX_OK\r\n${spam}\r\n`
  const tests = score > 0 ? 'A_TEST,ANOTHER' : 'none'
  const status = `X-Spam-Status: ${score >= 5 ? 'Yes' : 'No'}, score=${score.toFixed(1)} required=5.0 tests=A_TEST,\r\n\tANOTHER autolearn=no\r\n`
  const body =
    verb === 'HEADERS'
      ? `Received: from localhost by spamd\r\nX-Spam-Level: \r\n${status}Subject: [SPAM] x\r\nContent-Type: text/html\r\n\r\n`
      : tests
  return `SPAMD/1.1 0 EX_OK\r\nContent-length: ${body.length}\r\n${spam}\r\n${body}`
}
