/** Where the mail of the proofs ends: counts each message by its number, and the transactions of each domain at every moment. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

/** What a domain's transactions looked like. */
export interface DomainCount {
  /** At once, now and at most. */
  active: number
  peak: number
  /** When each began, milliseconds of `performance.now()`. */
  readonly starts: number[]
}

/** An SMTP server that keeps nothing but counts. */
export class CountingSink implements AsyncDisposable {
  /** How often each message arrived, by its number. */
  readonly arrived = new Map<string, number>()
  readonly domains = new Map<string, DomainCount>()
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #holdMs: number

  private constructor(holdMs: number) {
    this.#holdMs = holdMs
    this.#server = createServer((socket) => this.#serve(socket))
  }

  /** @param holdMs how long each transaction takes at its end */
  static async open(holdMs = 0): Promise<CountingSink> {
    const sink = new CountingSink(holdMs)
    sink.#server.listen(0, '127.0.0.1')
    await once(sink.#server, 'listening')
    return sink
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address ? address.port : 0
  }

  /** Messages that arrived more than once. */
  get duplicates(): number {
    return [...this.arrived.values()].reduce((sum, count) => sum + count - 1, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket.setEncoding('latin1').setNoDelay(true))
    let rest = ''
    let number: string | undefined
    let isData = false
    let domain: DomainCount | undefined
    const end = (): void => {
      if (domain) domain.active--
      domain = undefined
    }
    const line = (text: string): void => {
      if (isData) {
        if (text.startsWith('X-Number: ')) number = text.slice(10)
        if (text !== '.') return
        isData = false
        const arrived = number ?? '?'
        setTimeout(() => {
          // Counted when it is acknowledged: a client that is gone by then was told nothing.
          if (socket.destroyed) return
          this.arrived.set(arrived, (this.arrived.get(arrived) ?? 0) + 1)
          end()
          socket.write('250 2.0.0 Taken\r\n')
        }, this.#holdMs)
        return
      }
      const verb = text.slice(0, 4).toUpperCase()
      if (verb === 'RCPT') domain ??= this.#begin(/@([^>]+)>/.exec(text)?.[1] ?? '')
      if (verb === 'RSET') end()
      isData = verb === 'DATA'
      socket.write(
        verb === 'EHLO'
          ? '250-sink\r\n250 PIPELINING\r\n'
          : isData
            ? '354 Go on\r\n'
            : verb === 'QUIT'
              ? '221 Bye\r\n'
              : '250 OK\r\n',
      )
    }
    socket.write('220 sink ESMTP\r\n')
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\r\n')
      rest = lines.pop() ?? ''
      for (const each of lines) line(each)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      end()
    })
  }

  #begin(name: string): DomainCount {
    const domain = this.domains.get(name) ?? { active: 0, peak: 0, starts: [] }
    this.domains.set(name, domain)
    domain.peak = Math.max(domain.peak, ++domain.active)
    domain.starts.push(performance.now())
    return domain
  }
}
