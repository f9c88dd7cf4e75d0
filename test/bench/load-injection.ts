/** Messages as a program hands them in: JSON over HTTP, on connections that stay. A client that does little more than write and count. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Driver, Load, Loaded } from './load.ts'

/** The secret of the token of the target. */
export const SECRET = 'prt_bench'

/** Opens the connections. @param data the message that others get over SMTP: its text is that of the JSON */
export async function openInjection(socket: string, sessions: number, data: Buffer): Promise<Driver> {
  const request = requestOf(data)
  const clients = await Promise.all(Array.from({ length: sessions }, () => Client.open(socket, request)))
  return {
    async send({ messages, limitMs }: Load): Promise<Loaded> {
      const started = performance.now()
      const waits: number[] = []
      let left = messages
      await Promise.all(
        clients.map(async (client) => {
          while (left-- > 0 && performance.now() - started < limitMs) waits.push(await client.send())
        }),
      )
      return { messages: waits.length, ms: performance.now() - started, waits }
    },
    close() {
      for (const client of clients) client.close()
    },
  }
}

function requestOf(data: Buffer): Buffer {
  const message = data.toString('latin1')
  const text = message.slice(message.indexOf('\r\n\r\n') + 4, -5).replaceAll('\r\n..', '\r\n.')
  const body = JSON.stringify({
    from: 'Sender <sender@client.example>',
    to: 'alice@postroad.test',
    subject: 'bench',
    text,
  })
  const head = [
    'POST /v1/messages HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${SECRET}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

class Client {
  readonly #socket: Socket
  readonly #request: Buffer
  #text = ''
  #answered: (error?: Error) => void = () => undefined

  private constructor(socket: Socket, request: Buffer) {
    this.#socket = socket
    this.#request = request
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      this.#text += chunk
      // The answer is an object in one piece, after an empty line.
      if (!this.#text.includes('\r\n\r\n') || !/\}(?:\r\n0\r\n\r\n)?$/.test(this.#text)) return
      const text = this.#text
      this.#text = ''
      this.#answered(text.startsWith('HTTP/1.1 202 ') ? undefined : new Error(text))
    })
    socket.on('error', (error) => this.#answered(error))
    socket.on('close', () => this.#answered(new Error('the server hung up')))
  }

  static async open(path: string, request: Buffer): Promise<Client> {
    const socket = connect(path)
    await once(socket, 'connect')
    return new Client(socket, request)
  }

  /** Milliseconds to the answer. */
  async send(): Promise<number> {
    const started = performance.now()
    const answered = new Promise<void>((resolve, reject) => {
      this.#answered = (error) => (error ? reject(error) : resolve())
    })
    this.#socket.write(this.#request)
    await answered
    return performance.now() - started
  }

  close(): void {
    this.#socket.destroy()
  }
}
