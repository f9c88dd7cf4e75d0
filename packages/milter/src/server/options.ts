/** What an operator may say of a listener of kind `milter`. */
import { type PlaceOptions, placeMistakes } from '@postroad/listener'

/** One place where mail servers ask what to do with a message. */
export interface MilterListenerOptions extends PlaceOptions {
  readonly name: string
  /** The server's own name. */
  readonly hostname: string
  /** Default `127.0.0.1`: this machine only. */
  readonly host?: string
  /**
   * What is answered at the end of a message to which nobody objects. `continue` (default): the filters behind this one see it, too. `accept`:
   * they do not.
   */
  readonly accept?: 'continue' | 'accept'
  /** After how long a mail server that waits hears that we are still at work. Default 10 s; Postfix waits 30 s at a command, and 300 s at the end. */
  readonly progressMs?: number
  /** Bounds of everything. */
  readonly limits?: Partial<MilterLimits>
  /** Told of what was thrown, and of what nobody who asks can be told. */
  readonly onError?: (error: unknown) => void
}

/** What one mail server, and all together, may take. Octets and milliseconds. */
export interface MilterLimits {
  /** Open connections of the listener: a mail server has one for each of its sessions. */
  readonly connections: number
  /** Octets of a message. The mail server has a limit of its own, and this one is to be above it: what is larger is refused. */
  readonly size: number
  /** Between two frames. A client may take its time, and the server asks only when a message is all there: libmilter waits as long. */
  readonly idleTimeoutMs: number
  /** From the first octet of a frame to its last, and for an answer to be read. */
  readonly frameTimeoutMs: number
}

/** Limits that nobody has written down. */
export const DEFAULT_MILTER_LIMITS: MilterLimits = {
  connections: 1_000,
  size: 134_217_728,
  idleTimeoutMs: 7_210_000,
  frameTimeoutMs: 60_000,
}

/** How often a sign of life is given where nothing is said. */
export const DEFAULT_PROGRESS_MS = 10_000

/** A client of the mail server may be silent for so long. */
const LEAST_IDLE = 300_000

/** Sentences that begin with the option, none when all is well. Types are for the schema to judge. */
export function milterMistakes(options: MilterListenerOptions): readonly string[] {
  const { limits } = options
  const mistakes = [...placeMistakes(options)]
  if (limits?.idleTimeoutMs !== undefined && limits.idleTimeoutMs < LEAST_IDLE)
    mistakes.push(
      `limits.idleTimeoutMs: at least ${LEAST_IDLE}: a client of the mail server may be silent for 300 s, and its mail would be deferred for it`,
    )
  return mistakes
}
