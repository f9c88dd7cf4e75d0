/** The bare responder as a next hop that offers CHUNKING: it also reads chunks, RFC 3030, and refuses those that are for nobody. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Target } from '../target.ts'

const END = Buffer.from('\r\n.\r\n')
const EHLO = '250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n'
const OK = '250 2.0.0 Ok\r\n'
const NOBODY = '503 5.5.1 No valid recipients\r\n'

export const target: Target = {
  title: 'bare node:net responder that offers CHUNKING: the next hop',
  async start({ port }) {
    const counter = { received: 0 }
    const server = createServer({ noDelay: true }, (socket) => new Responder(socket, counter)).listen({
      port,
      host: '127.0.0.1',
      backlog: 1024,
    })
    await once(server, 'listening')
    return { close: () => void server.close(), received: () => counter.received }
  },
}

/** Answers every command as if all were well. What is answered to one read is one write. */
class Responder {
  readonly #socket: Socket
  readonly #counter: { received: number }
  #rest: Buffer = Buffer.alloc(0)
  #isData = false
  #hasRecipient = false
  #out = ''

  constructor(socket: Socket, counter: { received: number }) {
    this.#socket = socket
    this.#counter = counter
    socket.write('220 sink ESMTP\r\n')
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
      while (this.#next()) {}
      if (this.#out !== '') socket.write(this.#out)
      this.#out = ''
    })
  }

  /** Takes one command, chunk or message; false: more octets are needed. */
  #next(): boolean {
    const rest = this.#rest
    if (this.#isData) {
      const end = rest.indexOf(END)
      if (end >= 0) this.#taken(end + END.length)
      // Of a long message only what may be half of its end is kept.
      else this.#rest = rest.subarray(Math.max(0, rest.length - 4))
      return end >= 0
    }
    const end = rest.indexOf(10)
    if (end < 0) return false
    const line = rest.toString('latin1', 0, end)
    const after = line.startsWith('BDAT ') ? end + 1 + Number.parseInt(line.slice(5), 10) : end + 1
    if (rest.length < after) return false
    if (after > end + 1 && this.#hasRecipient) this.#taken(after)
    else {
      this.#rest = rest.subarray(after)
      this.#command(line, after > end + 1)
    }
    return true
  }

  #taken(end: number): void {
    this.#isData = false
    this.#hasRecipient = false
    this.#counter.received++
    this.#rest = this.#rest.subarray(end)
    this.#out += OK
  }

  #command(line: string, isChunk: boolean): void {
    if (isChunk) this.#out += NOBODY
    else if (line.startsWith('EHLO')) this.#out += EHLO
    else if (line.startsWith('DATA')) {
      this.#isData = true
      this.#out += '354 go\r\n'
    } else if (line.startsWith('QUIT')) this.#socket.end('221 2.0.0 Bye\r\n')
    else {
      this.#hasRecipient = line.startsWith('RCPT')
      this.#out += OK
    }
  }
}
