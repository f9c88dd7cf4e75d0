/** Connections to a policy service: kept for the next question, one question at a time on each. */
import { connect, type Socket } from 'node:net'
import { BlockReader, formatBlock, type PolicyAnswer, parseAction } from '@postroad/policy-service/codec'
import type { PolicyOptions } from './options.ts'

/** The connection was closed without an answer. */
class ServiceClosed extends Error {}

/** A service of somebody else. */
export class PolicyService {
  readonly #options: PolicyOptions
  readonly #idle: ServiceConnection[] = []
  readonly #waiting: (() => void)[] = []
  #open = 0

  constructor(options: PolicyOptions) {
    this.#options = options
  }

  /**
   * Its answer to one question.
   *
   * @throws {Error} when there is none: it is not there, is late, closes, or speaks something else
   */
  async ask(
    attributes: Readonly<Record<string, string | number | undefined>>,
    signal: AbortSignal,
  ): Promise<PolicyAnswer> {
    // Whoever came while this one was woken has taken its place.
    while (this.#open >= this.#options.connections) await this.#turn(signal)
    this.#open++
    try {
      const question = formatBlock(attributes)
      const kept = this.#idle.pop()
      if (kept && !kept.isGone)
        try {
          return await this.#exchange(kept, question, signal)
        } catch (error) {
          // It may have been about to close what it had kept open: that says nothing of the question.
          if (!(error instanceof ServiceClosed)) throw error
        }
      return await this.#exchange(this.#connect(), question, signal)
    } finally {
      this.#open--
      this.#waiting.shift()?.()
    }
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  #connect(): ServiceConnection {
    const { at, idle } = this.#options
    const socket = 'path' in at ? connect(at.path) : connect(at.port, at.host).setNoDelay(true)
    return new ServiceConnection(socket, { idle, gone: (connection) => this.#forget(connection) })
  }

  #forget(connection: ServiceConnection): void {
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  async #exchange(connection: ServiceConnection, question: string, signal: AbortSignal): Promise<PolicyAnswer> {
    const { timeout } = this.#options
    const answer = await connection.exchange(question, { timeout, signal })
    if (!connection.isGone) this.#idle.push(connection)
    return answer
  }

  async #turn(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const wake = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(wake)
    })
  }
}

/** What waits for an answer. */
interface Pending {
  done(action: string): void
  fail(error: unknown): void
}

/** One connection, which outlives its questions. */
class ServiceConnection {
  readonly #socket: Socket
  readonly #idle: number
  readonly #reader = new BlockReader()
  readonly #gone: (connection: ServiceConnection) => void
  #pending: Pending | undefined

  constructor(
    socket: Socket,
    { idle, gone }: { readonly idle: number; readonly gone: (connection: ServiceConnection) => void },
  ) {
    this.#socket = socket
    this.#idle = idle
    this.#gone = gone
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#end(error.code === 'ECONNRESET' || error.code === 'EPIPE' ? new ServiceClosed(error.message) : error),
    )
    const closed = (): void =>
      this.#end(new ServiceClosed('the policy service closed the connection without an answer'))
    socket.on('end', closed).on('close', closed)
    socket.on('timeout', () => this.destroy())
  }

  get isGone(): boolean {
    return this.#socket.destroyed
  }

  destroy(): void {
    this.#socket.destroy()
  }

  async exchange(
    question: string,
    { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
  ): Promise<PolicyAnswer> {
    const socket = this.#socket
    const leave = (): void => this.#end(signal.reason)
    const late = setTimeout(
      () => this.#end(new Error(`the policy service did not answer within ${timeout} ms`)),
      timeout,
    )
    signal.addEventListener('abort', leave, { once: true })
    try {
      socket.setTimeout(0)
      const action = await new Promise<string>((done, fail) => {
        this.#pending = { done, fail }
        socket.ref().write(question)
      })
      // What waits for nothing keeps no process alive.
      socket.setTimeout(this.#idle).unref()
      return parseAction(action)
    } finally {
      clearTimeout(late)
      signal.removeEventListener('abort', leave)
    }
  }

  #take(chunk: Buffer): void {
    try {
      if (!this.#pending) throw new Error('the policy service answered what nobody had asked')
      const block = this.#reader.read(chunk)
      if (!block) return
      if (block.used < chunk.length) throw new Error('the policy service answered more than it was asked')
      const action = block.attributes.get('action')
      if (action === undefined) throw new Error('the policy service gave an answer without "action="')
      const { done } = this.#pending
      this.#pending = undefined
      done(action)
    } catch (error) {
      this.#end(error)
    }
  }

  #end(error: unknown): void {
    this.#socket.destroy()
    this.#gone(this)
    const pending = this.#pending
    this.#pending = undefined
    pending?.fail(error)
  }
}
