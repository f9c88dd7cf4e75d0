/** What an operator says of a listener, and what it comes to with the defaults. */

import type { StressOptions } from '../listener/stress.ts'
import type { Certificate } from '../tls/tls.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { listenerMistakes } from './listener-check.ts'
import { type NetworkList, networkList } from './network.ts'

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
  /** Group of the UNIX socket, by name or number; default: the group of the server. For who is neither its user nor in its group, a Postfix in its chroot for one. */
  readonly group?: string | number
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
  /**
   * Addresses and networks that may use XCLIENT, to speak for other clients as if those had connected. They are not held to the limits of one
   * address; each client is, when it is named. Whoever is named may use it again only if listed, too.
   */
  readonly xclient?: readonly string[]
  /**
   * What LOGIN in XCLIENT is worth. `ignore` (default): it is read, and nobody is authenticated by it. `trust`: whom a host of `xclient` names has
   * logged in there, and is that user here, as after AUTH.
   */
  readonly xclientLogin?: 'ignore' | 'trust'
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
  readonly trustsLogin: boolean
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

/** @throws {ListenerError} naming all that is wrong with them */
export function settingsOf(options: ListenerOptions): Settings {
  const { name, hostname, protocol = 'smtp', tls = 'optional', auth = 'optional', authWithoutTls = false, greeting } = options
  const mistakes = listenerMistakes(options)
  if (mistakes.length > 0) throw new ListenerError(`Listener ${name}: ${mistakes.join('; ')}`)
  const perNetwork = 4 * (options.limits?.connectionsPerAddress ?? DEFAULT_LIMITS.connectionsPerAddress)
  const limits = { ...DEFAULT_LIMITS, connectionsPerNetwork: perNetwork, ...(options.strictLines && { line: 1000 }) }
  for (const [key, value] of Object.entries(options.limits ?? {})) if (value !== undefined) Object.assign(limits, { [key]: value })
  return Object.freeze({
    name,
    hostname,
    protocol,
    tls,
    auth,
    authWithoutTls,
    limits: Object.freeze(limits),
    normalise: options.bareLineEndings === 'normalise',
    proxies: networkList(options.proxies),
    xclient: networkList(options.xclient),
    trustsLogin: options.xclientLogin === 'trust',
    xforward: networkList(options.xforward),
    greeting: { waitMs: 0, twoLines: false, ...greeting, except: networkList(greeting?.except) },
    stress: options.stress ?? {},
    strictPipelining: options.pipelining === 'strict',
    onError: options.onError ?? (() => {}),
  })
}
