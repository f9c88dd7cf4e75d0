/** A listener of kind `milter`: like those of mail it is opened, told anew by a reload, and closed. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import {
  Admission,
  type Listener,
  type ListenerAddress,
  ListenerError,
  Place,
  type SocketKeeper,
  socketKeeper,
} from '@postroad/listener'
import { MilterError } from '../errors.ts'
import { type Clocks, MilterConnection } from './connection.ts'
import {
  DEFAULT_MILTER_LIMITS,
  DEFAULT_PROGRESS_MS,
  LOOPBACK,
  type MilterLimits,
  type MilterListenerOptions,
  milterMistakes,
} from './options.ts'
import type { CurrentScope } from './session.ts'
import { type MilterScope, wantsOf } from './wants.ts'

/** Listens for mail servers that ask. Closing lets messages that are under way be judged. */
export interface MilterListener extends Listener {
  /**
   * Sessions from now on meet these options and this scope; those that are open keep theirs. Where it listens stays.
   *
   * @throws {ListenerError} when options contradict each other; nothing has changed then
   */
  update(options: MilterListenerOptions, scope: MilterScope): void
}

/**
 * Makes a listener; it does nothing before `listen`.
 *
 * @param keeper who sees to UNIX sockets; default: this process by its own rights
 * @throws {ListenerError} when options contradict each other
 */
export function createMilterListener(
  options: MilterListenerOptions,
  scope: MilterScope,
  keeper: SocketKeeper = socketKeeper(),
): MilterListener {
  return new ServerListener(options, scope, keeper)
}

/** Milliseconds between two looks at the clocks, or a quarter of the shortest of them. */
const LOOK_MS = 1_000
/** Share of the connections above which the server is near its limits. */
const STRESS = 0.8
/** Milliseconds between two words about connections that were turned away. */
const SILENT_MS = 60_000

class ServerListener implements MilterListener {
  readonly #server: Server
  readonly #place: Place
  readonly #admission: Admission
  readonly #open = new Set<MilterConnection>()
  #options: MilterListenerOptions
  #limits: MilterLimits
  #clocks: Clocks
  #current: CurrentScope
  /** Settles when the socket is closed and all connections are gone; undefined when it was never open. */
  #gone: Promise<unknown> | undefined
  #looks: NodeJS.Timeout | undefined
  #saidFullAt = Number.NEGATIVE_INFINITY

  constructor(options: MilterListenerOptions, scope: MilterScope, keeper: SocketKeeper) {
    this.#options = options
    this.#limits = limitsOf(options)
    this.#clocks = clocksOf(options)
    this.#current = currentOf(options, scope)
    this.#admission = new Admission(admissionOf(this.#limits))
    this.#place = new Place(
      { ...options, ...(options.path === undefined && { host: options.host ?? LOOPBACK }) },
      keeper,
    )
    this.#server = createServer({ noDelay: true }, (socket) => this.#admit(socket))
  }

  get name(): string {
    return this.#options.name
  }

  get address(): ListenerAddress {
    return this.#place.address
  }

  get connections(): number {
    return this.#admission.open
  }

  async listen(): Promise<void> {
    await this.#place.open(this.#server)
    this.#gone = once(this.#server, 'close')
    this.#server.on('error', (error) => this.#report(error))
    this.#pace()
  }

  permit(options: Pick<MilterListenerOptions, 'mode' | 'group'>): Promise<void> {
    return this.#place.permit(options)
  }

  async stop(): Promise<void> {
    if (this.#server.listening) this.#server.close()
  }

  async close(graceMs: number): Promise<void> {
    await this.stop()
    if (!this.#gone) return
    for (const connection of this.#open) connection.leave()
    const timer = setTimeout(() => {
      for (const connection of this.#open) connection.destroy('server')
    }, graceMs)
    await this.#gone
    // Each connection hears of its own end in the same turn.
    while (this.#open.size > 0) await new Promise(setImmediate)
    clearTimeout(timer)
    clearInterval(this.#looks)
  }

  update(options: MilterListenerOptions, scope: MilterScope): void {
    this.#current = currentOf(options, scope)
    this.#options = options
    this.#limits = limitsOf(options)
    this.#clocks = clocksOf(options)
    this.#admission.limits = admissionOf(this.#limits)
    if (this.#looks) this.#pace()
  }

  /** It speaks no TLS: mail server and filter are one machine, or one network that is trusted. */
  setCertificate(): void {}

  #pace(): void {
    clearInterval(this.#looks)
    const every = Math.min(LOOK_MS, ...Object.values(this.#clocks).map((ms) => ms / 4))
    this.#looks = setInterval(() => {
      const now = performance.now()
      for (const connection of this.#open) connection.look(now)
    }, every).unref()
  }

  #admit(socket: Socket): void {
    const slot = this.#admission.enter()
    if (!slot) {
      this.#turnAway(socket)
      return
    }
    const connection = new MilterConnection(socket, {
      listener: this.name,
      current: () => this.#current,
      stress: () => this.#admission.open > STRESS * this.#limits.connections,
      clocks: () => this.#clocks,
      report: (error) => this.#report(error),
    })
    this.#open.add(connection)
    socket.once('close', () => {
      this.#open.delete(connection)
      this.#admission.leave(slot)
    })
  }

  /** The server defers the mail of that session, or does what its own default says. */
  #turnAway(socket: Socket): void {
    socket.destroy()
    const now = performance.now()
    if (now - this.#saidFullAt < SILENT_MS) return
    this.#saidFullAt = now
    this.#report(
      new MilterError(
        `${this.name}: connections are turned away: there are ${this.#admission.open}, and limits.connections allows no more; a mail server has one for each of its sessions`,
      ),
    )
  }

  #report(error: unknown): void {
    this.#options.onError?.(error)
  }
}

function currentOf(options: MilterListenerOptions, scope: MilterScope): CurrentScope {
  const mistakes = milterMistakes(options)
  if (mistakes.length > 0) throw new ListenerError(`Listener ${options.name}: ${mistakes.join('; ')}`)
  const wants = wantsOf(scope, { isUnix: options.path !== undefined })
  return { scope, wants, pass: options.accept ?? 'continue', size: limitsOf(options).size }
}

function limitsOf({ limits }: MilterListenerOptions): MilterLimits {
  return { ...DEFAULT_MILTER_LIMITS, ...limits }
}

function clocksOf(options: MilterListenerOptions): Clocks {
  const { idleTimeoutMs, frameTimeoutMs } = limitsOf(options)
  return { idleTimeoutMs, frameTimeoutMs, progressMs: options.progressMs ?? DEFAULT_PROGRESS_MS }
}

/** Those who connect are mail servers: of one there are as many as of all. */
function admissionOf({ connections }: MilterLimits): Admission['limits'] {
  return {
    connections,
    connectionsPerAddress: connections,
    connectionsPerNetwork: connections,
    connectionsPerMinute: 0,
  }
}
