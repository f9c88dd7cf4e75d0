/** What an operator says of a listener, and what it comes to with the defaults. */
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { type NetworkList, networkList } from './network.ts'
import type { StressOptions } from './stress.ts'
import type { Certificate } from './tls.ts'

/** One place where clients may connect. */
export interface ListenerOptions {
  /** Names the listener in logs. */
  readonly name: string
  /** The server's own name, in the banner and the replies to EHLO; a domain, RFC 5321 §4.1.1.1. */
  readonly hostname: string
  /** Default `smtp`. */
  readonly protocol?: 'smtp' | 'lmtp'
  /** Default 0: any that is free. */
  readonly port?: number
  /** Default: all addresses, IPv4 and IPv6. */
  readonly host?: string
  /** Path of a UNIX socket, instead of host and port. */
  readonly path?: string
  /** Permissions of the UNIX socket; default 0o660: the user of the server, and its group. */
  readonly mode?: number
  /** Connections the system may keep waiting; default 511. */
  readonly backlog?: number
  /**
   * `none`: no TLS. `optional` (default): STARTTLS is offered when there is a certificate. `required`: MAIL is refused before STARTTLS.
   * `implicit`: TLS from the first octet, RFC 8314 §3.
   */
  readonly tls?: 'none' | 'optional' | 'required' | 'implicit'
  readonly certificate?: Certificate | readonly Certificate[]
  /** `none`: never offered. `optional` (default): offered when there are mechanisms. `required`: MAIL is refused before AUTH. */
  readonly auth?: 'none' | 'optional' | 'required'
  /** Offer AUTH also where a listener could read the password. Default false, RFC 4954 §4. */
  readonly authWithoutTls?: boolean
  readonly limits?: Partial<Limits>
  /** Text lines of at most 1,000 octets, RFC 5321 §4.5.3.1.6; the same as `limits.line` 1000. */
  readonly strictLines?: boolean
  /** What to do with a message that has a bare CR or LF: refuse it with 550 5.6.11 (default), or make CRLF of them. */
  readonly bareLineEndings?: 'reject' | 'normalise'
  /** Addresses and networks whose connections begin with a header of the PROXY protocol (HAProxy), version 1 or 2. */
  readonly proxies?: readonly string[]
  /** Addresses and networks that may use XCLIENT, to speak for other clients as if those had connected. */
  readonly xclient?: readonly string[]
  /** Addresses and networks that may use XFORWARD, to say for the log who the client was. */
  readonly xforward?: readonly string[]
  /** How the first words are exchanged; default: at once. */
  readonly greeting?: GreetingOptions
  /** `lenient` (default): whatever comes is dealt with in its order. `strict`: what is sent behind EHLO, HELO or DATA before the reply closes the connection. */
  readonly pipelining?: 'lenient' | 'strict'
  /** Where stress begins; see {@link StressOptions} for the defaults. */
  readonly stress?: StressOptions
  /** Told of what was thrown at the wire where nobody else can know: by a stage, a handshake, the listening socket. */
  readonly onError?: (error: unknown) => void
}

/** A client that has manners waits for the banner, RFC 5321 §4.3.1; many that send spam do not. */
export interface GreetingOptions {
  /** Milliseconds before the banner, at most 30,000; whoever speaks meanwhile is refused. */
  readonly waitMs: number
  /** Send the first of two lines before the wait: some read only that one, and speak. */
  readonly twoLines?: boolean
  /** Addresses and networks that do not wait. */
  readonly except?: readonly string[]
}

/** {@link ListenerOptions} with nothing left open; shared by all connections. */
export interface Settings {
  readonly name: string
  readonly hostname: string
  readonly protocol: 'smtp' | 'lmtp'
  readonly tls: 'none' | 'optional' | 'required' | 'implicit'
  readonly auth: 'none' | 'optional' | 'required'
  readonly authWithoutTls: boolean
  readonly limits: Limits
  readonly normalise: boolean
  readonly proxies: NetworkList
  readonly xclient: NetworkList
  readonly xforward: NetworkList
  readonly greeting: { readonly waitMs: number; readonly twoLines: boolean; readonly except: NetworkList }
  readonly strictPipelining: boolean
  readonly stress: StressOptions
  readonly onError: (error: unknown) => void
}

/** Something to listen with that cannot be: the message says what to do. */
export class ListenerError extends Error {
  override readonly name = 'ListenerError'
}

/** Limits where nothing at all has a meaning. */
const MAY_BE_ZERO = new Set(['noops', 'errorDelayMs', 'connectionsPerMinute', 'minDataRate', 'dataGraceMs'])

/** @throws {ListenerError} when options contradict each other, or a limit is none */
export function settingsOf(options: ListenerOptions): Settings {
  const { name, hostname, protocol = 'smtp', tls = 'optional', auth = 'optional', authWithoutTls = false } = options
  // RFC 5321 §2.3.5: a hostname goes into replies as it is; nothing but a domain or a literal may be in it.
  if (!/^[A-Za-z0-9._:[\]-]{1,255}$/.test(hostname)) throw new ListenerError(`Listener ${name}: "${hostname}" is not a host name`)
  if (certificatesOf(options).length === 0 && (tls === 'implicit' || tls === 'required'))
    throw new ListenerError(`Listener ${name}: tls "${tls}" needs a certificate`)
  const perNetwork = 4 * (options.limits?.connectionsPerAddress ?? DEFAULT_LIMITS.connectionsPerAddress)
  const limits = { ...DEFAULT_LIMITS, connectionsPerNetwork: perNetwork, ...(options.strictLines && { line: 1000 }), ...options.limits }
  for (const [key, value] of Object.entries(limits)) checkLimit(name, key, value)
  const { greeting } = options
  if (greeting !== undefined && !(greeting.waitMs >= 0 && greeting.waitMs <= 30_000))
    throw new ListenerError(`Listener ${name}: greeting.waitMs must be from 0 to 30000, not ${greeting.waitMs}`)
  const networks = (key: 'proxies' | 'xclient' | 'xforward'): NetworkList => networksOf(name, key, options[key])
  return Object.freeze({
    name,
    hostname,
    protocol,
    tls,
    auth,
    authWithoutTls,
    limits: Object.freeze(limits),
    normalise: options.bareLineEndings === 'normalise',
    proxies: networks('proxies'),
    xclient: networks('xclient'),
    xforward: networks('xforward'),
    greeting: { waitMs: 0, twoLines: false, ...greeting, except: networksOf(name, 'greeting.except', greeting?.except) },
    stress: options.stress ?? {},
    strictPipelining: options.pipelining === 'strict',
    onError: options.onError ?? (() => {}),
  })
}

function checkLimit(name: string, key: string, value: unknown): void {
  if (!Object.hasOwn(DEFAULT_LIMITS, key))
    throw new ListenerError(`Listener ${name}: there is no limit "${key}"; there are ${Object.keys(DEFAULT_LIMITS).join(', ')}`)
  const least = MAY_BE_ZERO.has(key) ? 0 : 1
  if (!(Number.isSafeInteger(value) && Number(value) >= least))
    throw new ListenerError(`Listener ${name}: limit ${key} must be a whole number of at least ${least}, not ${value}`)
}

function networksOf(name: string, key: string, entries: readonly string[] | undefined): NetworkList {
  try {
    return networkList(entries)
  } catch (error) {
    throw new ListenerError(`Listener ${name}: ${key}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
}

/** The certificates as a list. */
export function certificatesOf({ certificate = [] }: Pick<ListenerOptions, 'certificate'>): readonly Certificate[] {
  return isList(certificate) ? certificate : [certificate]
}

function isList(value: Certificate | readonly Certificate[]): value is readonly Certificate[] {
  return Array.isArray(value)
}
