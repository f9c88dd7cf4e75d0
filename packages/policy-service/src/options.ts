/** What an operator may say of a listener of kind `policy`. */
import { type PlaceOptions, placeMistakes } from '@postroad/listener'

/** One place where mail servers may ask. */
export interface PolicyListenerOptions extends PlaceOptions {
  readonly name: string
  /** The server's own name. */
  readonly hostname: string
  /** Default `127.0.0.1`: this machine only. */
  readonly host?: string
  /**
   * What is answered where nobody objects. `dunno` (default): the restrictions that follow decide. `permit`: OK, which ends Postfix' list of
   * restrictions, and makes an open relay where it stands before `reject_unauth_destination`.
   */
  readonly accept?: 'dunno' | 'permit'
  /** Bounds of everything. */
  readonly limits?: Partial<PolicyLimits>
  /** Told of what was thrown, and of what nobody who asks can be told. */
  readonly onError?: (error: unknown) => void
}

/** What one mail server, and all together, may take. Times are milliseconds. */
export interface PolicyLimits {
  /** Open connections of the listener: each process of a mail server keeps one. */
  readonly connections: number
  /** Open connections from one address, the IPv6 /64 counting as one. */
  readonly connectionsPerAddress: number
  /** Recipients of one message. */
  readonly recipients: number
  /** From the first octet of a question to its last. */
  readonly requestTimeoutMs: number
  /** Between two questions; at least 300,000, because Postfix closes after that itself, and has to wait where another does. */
  readonly idleTimeoutMs: number
  /** After which nobody asks about a message any more. */
  readonly instanceTimeoutMs: number
}

/** Limits that nobody has written down. */
export const DEFAULT_POLICY_LIMITS: PolicyLimits = {
  connections: 1_000,
  connectionsPerAddress: 1_000,
  recipients: 10_000,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 600_000,
  instanceTimeoutMs: 300_000,
}

/** Milliseconds after which Postfix closes an idle connection itself: `smtpd_policy_service_max_idle`. */
export const LEAST_IDLE = 300_000

/** Sentences that begin with the option, none when all is well. Types are for the schema to judge. */
export function policyMistakes(options: PolicyListenerOptions): readonly string[] {
  const { limits } = options
  const mistakes = [...placeMistakes(options)]
  if (limits?.idleTimeoutMs !== undefined && limits.idleTimeoutMs < LEAST_IDLE)
    mistakes.push(
      `limits.idleTimeoutMs: at least ${LEAST_IDLE}: Postfix keeps a connection for 300 s, and waits a second with a client before it where another has closed it`,
    )
  return mistakes
}
