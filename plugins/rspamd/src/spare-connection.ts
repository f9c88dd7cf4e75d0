/** A connection that is opened before there is a question: rspamd closes each after its answer, and the next message need not wait for one. */
import type { Socket } from 'node:net'
import { buildConnector } from 'undici'

/** Milliseconds for which it waits for a question. */
const KEPT_MS = 10_000

type Dial = buildConnector.connector
type Target = Parameters<Dial>[0]
type Callback = Parameters<Dial>[1]

/** One connection to a daemon at most; whoever connects gets it instead of a new one. */
export class SpareConnection {
  readonly #dial: Dial
  readonly #target: Target
  #isDialling = false
  #socket: Socket | undefined
  /** Wants it as soon as it is there. */
  #waiting: Callback | undefined
  #isClosed = false
  #given = 0

  constructor(origin: URL, options: buildConnector.BuildOptions) {
    this.#dial = buildConnector(options)
    const { hostname, protocol, port } = origin
    this.#target = { hostname: hostname.replace(/^\[|\]$/g, ''), host: origin.host, protocol, port }
  }

  /** How many were of use: the daemon may have ended one that has waited, in the moment in which it was given away. */
  get given(): number {
    return this.#given
  }

  /** For a question that comes soon. */
  prepare(): void {
    if (this.#isDialling || this.#socket || this.#isClosed) return
    this.#isDialling = true
    this.#dial(this.#target, (...[error, socket]) => {
      this.#isDialling = false
      const waiting = this.#waiting
      this.#waiting = undefined
      // Who asks dials anew, and hears why that failed; a host that says nothing has had its time.
      if (error) waiting && (isLate(error) ? waiting(error, null) : this.#dial(this.#target, waiting))
      else if (waiting) this.#give(socket, waiting)
      else this.#keep(socket)
    })
  }

  /** As undici's own connector. */
  readonly connect: Dial = (target, callback) => {
    const socket = this.#release()
    // undici takes no socket while it asks for one.
    if (socket) queueMicrotask(() => this.#give(socket, callback))
    else if (this.#isDialling && !this.#waiting) this.#waiting = callback
    else this.#dial(target, callback)
  }

  close(): void {
    this.#isClosed = true
    this.#release()?.destroy()
  }

  #give(socket: Socket, callback: Callback): void {
    this.#given++
    callback(null, socket)
  }

  #keep(socket: Socket): void {
    if (this.#isClosed) {
      socket.destroy()
      return
    }
    this.#socket = socket
    // It keeps no process, and what becomes of it is nobody's failure.
    socket.unref().setTimeout(KEPT_MS)
    for (const event of GONE) socket.on(event, this.#lost)
  }

  #release(): Socket | undefined {
    const socket = this.#socket
    this.#socket = undefined
    if (!socket) return undefined
    for (const event of GONE) socket.off(event, this.#lost)
    return socket.ref().setTimeout(0)
  }

  readonly #lost = (): void => {
    const socket = this.#socket
    this.#socket = undefined
    // Errors of one that is not to be used are heard to its end.
    socket?.destroy()
  }
}

const GONE = ['error', 'end', 'close', 'timeout'] as const

function isLate(error: Error): boolean {
  return 'code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT'
}
