/** An endpoint that writes down what it is told, and fails now and then: 500, hanging, gone for a while. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'

/** An event as it came first. */
export interface ToldEvent {
  readonly id: string
  readonly kind: string
}

const SECRET = `whsec_${Buffer.alloc(32, 'postroad').toString('base64')}`

/** The endpoint of a world. */
export class Hook {
  readonly secret = SECRET
  readonly faults: string[] = []
  readonly port: number
  readonly #server: Server
  readonly #random: () => number
  readonly #verifier = new Webhook(SECRET)
  readonly #ofAddress = new Map<string, ToldEvent[]>()
  /** The text of each event, by its id: it is the same whenever it is told. */
  readonly #texts = new Map<string, string>()
  requests = 0
  arrivals = 0
  /** Part of the requests that fail. */
  #failing = 0

  private constructor(server: Server, random: () => number) {
    this.#server = server
    this.#random = random
    this.port = (server.address() as AddressInfo).port // it listens
    server.on('request', (request, response) => void this.#hear(request, response).catch(() => response.destroy()))
  }

  static async open(random: () => number): Promise<Hook> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Hook(server, random)
  }

  get distinct(): number {
    return this.#texts.size
  }

  get addresses(): Iterable<string> {
    return this.#ofAddress.keys()
  }

  eventsOf(address: string): readonly ToldEvent[] {
    return this.#ofAddress.get(address) ?? []
  }

  /** Sometimes it does not work for a part of this time. */
  async trouble(ms: number): Promise<void> {
    const what = this.#random()
    if (what < 0.1) await this.#goAway(ms / 4)
    else if (what < 0.3) this.#failing = 1
    else this.#failing = 0.05
    if (what >= 0.1 && what < 0.3) {
      await sleep(ms / 4)
      this.#failing = 0.05
    }
  }

  async recover(): Promise<void> {
    this.#failing = 0
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #goAway(ms: number): Promise<void> {
    await this.close()
    await sleep(ms)
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    this.requests++
    const isFailing = this.#random() < this.#failing
    // Before it is taken, or after: then it comes again.
    if (isFailing && this.#random() < 0.7) {
      if (this.#random() < 0.2) await sleep(1_500)
      response.writeHead(500).end()
      return
    }
    this.#note(body, request.headers as Record<string, string>)
    if (isFailing) response.destroy()
    else response.writeHead(204).end()
  }

  #note(body: string, headers: Record<string, string>): void {
    try {
      this.#verifier.verify(body, headers)
    } catch (error) {
      this.faults.push(`UNSIGNED ${error}`)
    }
    const given = JSON.parse(body) as unknown
    for (const event of [given].flat() as { id: string; type: string; data: { to: string[] } }[]) {
      this.arrivals++
      const known = this.#texts.get(event.id)
      const now = JSON.stringify(event)
      if (known !== undefined && known !== now) this.faults.push(`CHANGED ${event.id}`)
      if (known !== undefined) continue
      this.#texts.set(event.id, now)
      for (const address of event.data.to) {
        const own = this.#ofAddress.get(address)
        if (own) own.push({ id: event.id, kind: event.type })
        else this.#ofAddress.set(address, [{ id: event.id, kind: event.type }])
      }
    }
  }
}
