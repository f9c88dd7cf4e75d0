/** A listener of kind `milter`: like those of mail it is opened, told anew by a reload, and closed. */
import type { Socket } from 'node:net'
import {
  AskedListener,
  type AskedPace,
  type Listener,
  ListenerError,
  type SocketKeeper,
  socketKeeper,
} from '@postroad/listener'
import { MilterError } from '../errors.ts'
import { type Clocks, MilterConnection } from './connection.ts'
import {
  DEFAULT_MILTER_LIMITS,
  DEFAULT_PROGRESS_MS,
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

class ServerListener extends AskedListener<MilterConnection> implements MilterListener {
  #options: MilterListenerOptions
  #clocks: Clocks
  #current: CurrentScope
  #saidFullAt = Number.NEGATIVE_INFINITY

  constructor(options: MilterListenerOptions, scope: MilterScope, keeper: SocketKeeper) {
    const current = currentOf(options, scope)
    super({ place: options, keeper }, paceOf(options))
    this.#current = current
    this.#options = options
    this.#clocks = clocksOf(options)
  }

  get name(): string {
    return this.#options.name
  }

  update(options: MilterListenerOptions, scope: MilterScope): void {
    this.#current = currentOf(options, scope)
    this.#options = options
    this.#clocks = clocksOf(options)
    this.pace(paceOf(options))
  }

  protected serve(socket: Socket): MilterConnection {
    return new MilterConnection(socket, {
      listener: this.name,
      current: () => this.#current,
      stress: () => this.connections > STRESS * limitsOf(this.#options).connections,
      clocks: () => this.#clocks,
      report: (error) => this.report(error),
    })
  }

  /** The server defers the mail of that session, or does what its own default says. */
  protected turnedAway(): void {
    const now = performance.now()
    if (now - this.#saidFullAt < SILENT_MS) return
    this.#saidFullAt = now
    this.report(
      new MilterError(
        `${this.name}: connections are turned away: there are ${this.connections}, and limits.connections allows no more; a mail server has one for each of its sessions`,
      ),
    )
  }

  protected report(error: unknown): void {
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

function paceOf(options: MilterListenerOptions): AskedPace {
  const { connections } = limitsOf(options)
  const clocks = Object.values(clocksOf(options))
  return {
    // Those who connect are mail servers: of one there are as many as of all.
    admission: {
      connections,
      connectionsPerAddress: connections,
      connectionsPerNetwork: connections,
      connectionsPerMinute: 0,
    },
    lookMs: Math.min(LOOK_MS, ...clocks.map((ms) => ms / 4)),
  }
}
