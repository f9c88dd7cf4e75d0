/** A client for the questions that a stranger would ask of our listeners; it speaks line by line and keeps to what it is told. */

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { DoctorListener } from './check.ts'
import type { World } from './world.ts'

/** Milliseconds for one reply. */
const PATIENCE = 15_000
/** Octets of one reply. */
const MAX_REPLY = 16_384

/** A reply of the server. */
export interface ProbeReply {
  readonly code: number
  /** Lines without their codes. */
  readonly lines: readonly string[]
}

/** One connection to a server. */
export class ProbeClient {
  readonly #socket: Socket
  #text = ''
  #wake: (() => void) | undefined
  #ended = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (data: Buffer) => {
      this.#text += data.toString('latin1')
      this.#wake?.()
    })
    const end = (): void => {
      this.#ended = true
      this.#wake?.()
    }
    // What went wrong is seen as an end: there is no reply.
    socket.on('error', end).on('close', end).on('end', end)
  }

  /** @throws {Error} when nobody answers there */
  static async open(
    { host, port, isImplicitTls }: Pick<DoctorListener, 'host' | 'port' | 'isImplicitTls'>,
    world: World,
  ): Promise<ProbeClient> {
    const socket = await world.connect({ host, port, timeoutMs: PATIENCE })
    if (!isImplicitTls) return new ProbeClient(socket)
    // Whether the certificate is good has a check of its own.
    const secured = connectTls({ socket, rejectUnauthorized: false })
    await once(secured, 'secureConnect', { signal: AbortSignal.timeout(PATIENCE) })
    return new ProbeClient(secured)
  }

  /** The next reply. @throws {Error} when none comes */
  async reply(): Promise<ProbeReply> {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      const found = /^(?:\d{3}-[^\n]*\n)*(\d{3})(?: [^\n]*)?\r?\n/.exec(this.#text)
      if (found) {
        this.#text = this.#text.slice(found[0].length)
        const lines = found[0].split(/\r?\n/).filter((line) => line !== '')
        return { code: Number(found[1]), lines: lines.map((line) => line.slice(4)) }
      }
      if (this.#ended) throw new Error('the connection was closed without a reply')
      if (this.#text.length > MAX_REPLY) throw new Error('that is no reply')
      if (!(await this.#more(deadline - Date.now()))) throw new Error(`no reply within ${PATIENCE / 1000} s`)
    }
  }

  /** Whether a reply comes within some milliseconds. */
  async hasReply(ms: number): Promise<boolean> {
    const deadline = Date.now() + ms
    while (!this.#text.includes('\n') && !this.#ended) if (!(await this.#more(deadline - Date.now()))) return false
    return this.#text.includes('\n')
  }

  #more(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.max(0, ms))
      this.#wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  /** @throws as {@link ProbeClient.reply} */
  async ask(line: string): Promise<ProbeReply> {
    this.send(`${line}\r\n`)
    return this.reply()
  }

  send(text: string): void {
    if (!this.#ended) this.#socket.write(text, 'latin1')
  }

  close(): void {
    this.#socket.destroy()
  }
}
