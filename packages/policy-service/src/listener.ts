/** A listener of kind `policy`: like those of mail it is opened, told anew by a reload, and closed. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import {
  AskedListener,
  type AskedPace,
  type Listener,
  ListenerError,
  type SocketKeeper,
  socketKeeper,
} from '@postroad/listener'
import type { AttachJudging } from '@postroad/smtp'
import { DUNNO } from './answer.ts'
import type { PolicyAction } from './codec/action.ts'
import { PolicyProtocolError } from './codec/attributes.ts'
import { type ConnectionContext, PolicyConnection } from './connection.ts'
import type { Inquiry } from './inquiry.ts'
import { DEFAULT_POLICY_LIMITS, type PolicyLimits, type PolicyListenerOptions, policyMistakes } from './options.ts'

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

class ServerListener extends AskedListener<PolicyConnection> implements PolicyListener {
  readonly #noticed = new Map<string, number>()
  readonly #seen = { data: false }
  /** Messages that are over, and of which somebody still has to hear. */
  readonly #leaving = new Map<Promise<void>, Inquiry>()
  readonly #current = (): ConnectionContext => this.#context
  #options: PolicyListenerOptions
  #context: ConnectionContext

  constructor(options: PolicyListenerOptions, attach: AttachJudging, keeper: SocketKeeper) {
    super({ place: options, keeper, allowHalfOpen: true }, paceOf(options))
    this.#options = options
    this.#context = this.#contextOf(options, attach)
  }

  get name(): string {
    return this.#options.name
  }

  update(options: PolicyListenerOptions, attach: AttachJudging): void {
    this.#context = this.#contextOf(options, attach)
    this.#options = options
    this.pace(paceOf(options))
  }

  protected serve(socket: Socket): PolicyConnection {
    return new PolicyConnection(socket, this.#current)
  }

  protected turnedAway(): void {
    this.#notice(
      `a connection was turned away: there are ${this.connections}, and limits.connections or limits.connectionsPerAddress allows no more; each smtpd of Postfix keeps one`,
    )
  }

  protected report(error: unknown): void {
    this.#options.onError?.(error)
  }

  protected override async settle(expired: AbortSignal): Promise<void> {
    await Promise.race([Promise.allSettled(this.#leaving.keys()), expired.aborted || once(expired, 'abort')])
    for (const inquiry of this.#leaving.values()) inquiry.abandon()
  }

  #contextOf(options: PolicyListenerOptions, attach: AttachJudging): ConnectionContext {
    const mistakes = policyMistakes(options)
    if (mistakes.length > 0) throw new ListenerError(`Listener ${options.name}: ${mistakes.join('; ')}`)
    const limits = limitsOf(options)
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
      report: (error) => this.report(error),
      leave: (inquiry, leaving) => {
        this.#leaving.set(leaving, inquiry)
        void leaving.finally(() => this.#leaving.delete(leaving))
      },
    }
  }

  #notice(text: string): void {
    const now = performance.now()
    const last = this.#noticed.get(text)
    if (last !== undefined && now - last < SILENT_MS) return
    if (this.#noticed.size >= TEXTS) this.#noticed.clear()
    this.#noticed.set(text, now)
    this.report(new PolicyProtocolError(text))
  }
}

function limitsOf({ limits }: PolicyListenerOptions): PolicyLimits {
  return { ...DEFAULT_POLICY_LIMITS, ...limits }
}

function paceOf(options: PolicyListenerOptions): AskedPace {
  const { connections, connectionsPerAddress, requestTimeoutMs, instanceTimeoutMs } = limitsOf(options)
  return {
    admission: {
      connections,
      connectionsPerAddress,
      connectionsPerNetwork: Math.max(connections, connectionsPerAddress),
      connectionsPerMinute: 0,
    },
    lookMs: Math.min(LOOK_MS, Math.max(10, Math.min(requestTimeoutMs, instanceTimeoutMs) / 2)),
  }
}
