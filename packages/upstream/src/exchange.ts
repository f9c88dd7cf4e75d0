/**
 * A connection to a daemon that may answer before it has read everything, and then hangs up: over its size limit, say. What it has said counts,
 * whatever became of what was being written. A socket of Node is destroyed by the first write that fails, with the answer unread.
 */
import { Socket } from 'node:net'
import type { Daemon } from './daemon.ts'

type Callback = (error?: Error | null) => void
/** What `_writev` is given. */
type Pieces = Parameters<NonNullable<Socket['_writev']>>[0]

/** A socket that goes on reading when a write has failed; how the writes ended nobody is told, the answer says it. */
class PatientSocket extends Socket {
  override _write(chunk: unknown, encoding: BufferEncoding, callback: Callback): void {
    super._write(chunk, encoding, () => callback())
  }

  override _writev(pieces: Pieces, callback: Callback): void {
    super._writev?.(pieces, () => callback())
  }
}

/** How much of an answer is read, and when it is whole. */
export interface AnswerShape {
  /** Octets; more than that is no answer. */
  readonly limit: number
  /** Whether nothing more is to come. Asked whenever more is there; a daemon that hangs up has said all it had to say. May throw: it is no answer. */
  isWhole(answer: Buffer): boolean
}

/** One question to a daemon, which is written while the answer is waited for. */
export class Exchange {
  readonly daemon: Daemon
  /** What the daemon has said. Rejects when it said nothing, or the connection failed before it did. */
  readonly answer: Promise<Buffer>
  readonly #socket: PatientSocket
  #isOver = false

  /** @param answer what it looks like */
  constructor(daemon: Daemon, answer: AnswerShape) {
    this.daemon = daemon
    this.#socket = new PatientSocket()
    this.answer = this.#read(answer)
    // Who is no longer interested need not handle it.
    this.answer.catch(() => undefined)
    const { host, port, path } = daemon
    if (path !== undefined) this.#socket.connect({ path })
    else this.#socket.setNoDelay(true).connect(port ?? 0, host ?? '')
  }

  /** The answer is there, or there will be none: what is written now nobody reads. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Writes the pieces in one go, with nothing between them.
   *
   * @returns a promise when there is no more room: it resolves when there is, or when the exchange is over
   */
  write(...pieces: readonly (Uint8Array | string)[]): Promise<void> | undefined {
    if (this.#isOver) return undefined
    const socket = this.#socket
    let hasRoom = true
    socket.cork()
    for (const piece of pieces) hasRoom = socket.write(piece)
    socket.uncork()
    return hasRoom ? undefined : this.#room()
  }

  /** Nothing more is written; the answer may still come. */
  end(): void {
    this.#socket.end()
  }

  /** Gives it up: the daemon sees that we are gone. */
  abandon(reason: Error): void {
    if (!this.#isOver) this.#socket.destroy(reason)
  }

  #room(): Promise<void> {
    const socket = this.#socket
    return new Promise((resolve) => {
      const done = (): void => {
        socket.off('drain', done).off('close', done)
        resolve()
      }
      socket.on('drain', done).on('close', done)
    })
  }

  #read({ limit, isWhole }: AnswerShape): Promise<Buffer> {
    const socket = this.#socket
    return new Promise((resolve, reject) => {
      let answer: Buffer = Buffer.alloc(0)
      const finish = (error?: Error): void => {
        this.#isOver = true
        socket.destroy()
        if (error && answer.length === 0) reject(error)
        else if (answer.length === 0) reject(new Error('it hung up without an answer'))
        else resolve(answer)
      }
      socket.on('data', (chunk: Buffer) => {
        if (this.#isOver) return
        answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk])
        try {
          if (answer.length > limit) throw new Error(`it answers with more than ${limit} octets`)
          if (isWhole(answer)) finish()
        } catch (cause) {
          answer = Buffer.alloc(0)
          finish(cause as Error) // made here, or by isWhole
        }
      })
      // A connection that was reset has its answer in front of the reset: what was read counts.
      socket.on('error', finish)
      socket.on('end', () => finish())
      socket.on('close', () => this.#isOver || finish())
    })
  }
}

const FOREIGN: readonly (readonly [start: RegExp, who: string])[] = [
  [/^HTTP\//, 'an HTTP server (rspamd?)'],
  [/^SPAMD\//, 'spamd'],
  [/^(?:UNKNOWN COMMAND|stream: |INSTREAM |PONG\0?$)/, 'clamd'],
  [/^220[ -]/, 'an SMTP server'],
  [/^5\d\d[ -]/, 'an SMTP server'],
  [/^\* OK/, 'an IMAP server'],
  [/^[-+](?:ERR|OK)/, 'a POP3 or Redis server'],
  [/^[\x14-\x17]\x03[\0-\x04]/, 'a TLS server'],
]

/** An error that says what answered instead of the daemon that was meant: a wrong port is the first mistake of all. */
export function notThe(expected: string, answer: Uint8Array): Error {
  const text = Buffer.from(answer.subarray(0, 80)).toString('latin1')
  const who = FOREIGN.find(([start]) => start.test(text))?.[1]
  return new Error(`not the answer of ${expected}${who ? `, but of ${who}` : ''}: ${JSON.stringify(text)}`)
}
