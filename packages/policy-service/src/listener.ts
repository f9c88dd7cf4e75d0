/** A listener of kind `policy`: like those of mail it is opened, told anew by a reload, and closed. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import {
  Admission,
  type Listener,
  type ListenerAddress,
  ListenerError,
  Place,
  plainAddress,
  type SocketKeeper,
  socketKeeper,
} from '@postroad/listener'
import type { AttachJudging } from '@postroad/smtp'
import { DUNNO } from './answer.ts'
import type { PolicyAction } from './codec/action.ts'
import { PolicyProtocolError } from './codec/attributes.ts'
import { type ConnectionContext, PolicyConnection } from './connection.ts'
import {
  DEFAULT_POLICY_LIMITS,
  LOOPBACK,
  type PolicyLimits,
  type PolicyListenerOptions,
  policyMistakes,
} from './options.ts'

/** Listens for mail servers that ask. */
export interface PolicyListener extends Listener {
  /**
   * Messages that are asked about from now on meet these options and this scope, also on connections that are open.
   *
   * @throws {ListenerError} when options contradict each other; nothing has changed then
   */
  update(options: PolicyListenerOptions, attach: AttachJudging): void
}

/**
 * Makes a listener; it does nothing before `listen`.
 *
 * @param keeper who sees to UNIX sockets; default: this process by its own rights
 * @throws {ListenerError} when options contradict each other
 */
export function createPolicyListener(
  options: PolicyListenerOptions,
  attach: AttachJudging,
  keeper: SocketKeeper = socketKeeper(),
): PolicyListener {
  return new ServerListener(options, attach, keeper)
}

/** Milliseconds between two looks at connections that may have lasted too long, at the most. */
const LOOK_MS = 2_000
/** Of one text; who asks wrongly asks with every message. */
const SILENT_MS = 60_000
/** Texts whose time is remembered. */
const TEXTS = 100
const OK: PolicyAction = Object.freeze({ kind: 'ok' })

class ServerListener implements PolicyListener {
  readonly #server: Server
  readonly #place: Place
  readonly #admission: Admission
  readonly #open = new Set<PolicyConnection>()
  readonly #noticed = new Map<string, number>()
  readonly #seen = { data: false }
  /** Messages that are over, and of which somebody still has to hear. */
  readonly #leaving = new Set<Promise<void>>()
  readonly #current = (): ConnectionContext => this.#context
  #options: PolicyListenerOptions
  #context: ConnectionContext
  /** Settles when the socket is closed and all connections are gone; undefined when it was never open. */
  #gone: Promise<unknown> | undefined
  #emptied: (() => void) | undefined
  #looks: NodeJS.Timeout | undefined

  constructor(options: PolicyListenerOptions, attach: AttachJudging, keeper: SocketKeeper) {
    this.#options = options
    this.#context = this.#contextOf(options, attach)
    this.#admission = new Admission(admissionOf(this.#context.limits))
    this.#place = new Place(
      { ...options, ...(options.path === undefined && { host: options.host ?? LOOPBACK }) },
      keeper,
    )
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#admit(socket))
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
    this.#looks = setInterval(() => {
      const now = performance.now()
      for (const connection of this.#open) connection.look(now)
    }, lookMs(this.#context.limits))
    this.#looks.unref()
  }

  permit(options: Pick<PolicyListenerOptions, 'mode' | 'group'>): Promise<void> {
    return this.#place.permit(options)
  }

  async stop(): Promise<void> {
    if (this.#server.listening) this.#server.close()
  }

  async close(graceMs: number): Promise<void> {
    await this.stop()
    if (!this.#gone) return
    for (const connection of this.#open) connection.close()
    const expired = new AbortController()
    const timer = setTimeout(() => {
      expired.abort()
      for (const connection of this.#open) connection.destroy()
    }, graceMs)
    await this.#gone
    // The server counts a connection out before the connection itself has heard of its end.
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#emptied = resolve))
    clearInterval(this.#looks)
    await Promise.race([Promise.allSettled(this.#leaving), once(expired.signal, 'abort')])
    clearTimeout(timer)
  }

  update(options: PolicyListenerOptions, attach: AttachJudging): void {
    this.#context = this.#contextOf(options, attach)
    this.#options = options
    this.#admission.limits = admissionOf(this.#context.limits)
  }

  /** It speaks no TLS: mail server and policy service are one machine, or one network that is trusted. */
  setCertificate(): void {}

  #contextOf(options: PolicyListenerOptions, attach: AttachJudging): ConnectionContext {
    const mistakes = policyMistakes(options)
    if (mistakes.length > 0) throw new ListenerError(`Listener ${options.name}: ${mistakes.join('; ')}`)
    const limits = { ...DEFAULT_POLICY_LIMITS, ...options.limits }
    return {
      listener: options.name,
      hostname: options.hostname,
      recipients: limits.recipients,
      pass: options.accept === 'permit' ? OK : DUNNO,
      attach,
      seen: this.#seen,
      limits,
      now: () => performance.now(),
      notice: (text) => this.#notice(text),
      report: (error) => this.#report(error),
      leave: (leaving) => {
        this.#leaving.add(leaving)
        void leaving.finally(() => this.#leaving.delete(leaving))
      },
    }
  }

  #admit(socket: Socket): void {
    const slot = this.#admission.enter()
    const isIn = slot && this.#admission.enterClient(slot, plainAddress(socket.remoteAddress), Date.now())
    if (!isIn) {
      if (slot) this.#admission.leave(slot)
      socket.destroy()
      this.#notice(
        `a connection was turned away: there are ${this.#admission.open}, and limits.connections or limits.connectionsPerAddress allows no more; each smtpd of Postfix keeps one`,
      )
      return
    }
    const connection = new PolicyConnection(socket, this.#current)
    this.#open.add(connection)
    socket.once('close', () => {
      this.#open.delete(connection)
      if (this.#open.size === 0) this.#emptied?.()
      this.#admission.leave(slot)
    })
  }

  #notice(text: string): void {
    const now = performance.now()
    const last = this.#noticed.get(text)
    if (last !== undefined && now - last < SILENT_MS) return
    if (this.#noticed.size >= TEXTS) this.#noticed.clear()
    this.#noticed.set(text, now)
    this.#report(new PolicyProtocolError(text))
  }

  #report(error: unknown): void {
    this.#options.onError?.(error)
  }
}

function lookMs({ requestTimeoutMs, instanceTimeoutMs }: PolicyLimits): number {
  return Math.min(LOOK_MS, Math.max(10, Math.min(requestTimeoutMs, instanceTimeoutMs) / 2))
}

function admissionOf({ connections, connectionsPerAddress }: PolicyLimits): Admission['limits'] {
  return {
    connections,
    connectionsPerAddress,
    connectionsPerNetwork: Math.max(connections, connectionsPerAddress),
    connectionsPerMinute: 0,
  }
}
