/**
 * What a listener may be told, and where that contradicts itself: each in a sentence that begins with the option. Whether an option is one at
 * all, and its value of the right kind, is judged above, where configurations are read (`packages/core/src/config/schema.ts`).
 */
import { type Certificate, certificatesOf, type PlaceOptions, placeMistakes, secureContexts } from '@postroad/listener'
import type { MinimumGroup } from '@postroad/mail'
import type { Limits } from './limits.ts'
import { networkList } from './network.ts'

/** One place where clients may connect. */
export interface ListenerOptions extends PlaceOptions {
  /** Names the listener in logs. */
  readonly name: string
  /** The server's own name, in the banner and the replies to EHLO; a domain, RFC 5321 §4.1.1.1. */
  readonly hostname: string
  /** Default `smtp`. */
  readonly protocol?: 'smtp' | 'lmtp'
  /**
   * `none`: no TLS. `optional` (default): STARTTLS is offered when there is a certificate. `required`: MAIL is refused before STARTTLS.
   * `implicit`: TLS from the first octet, RFC 8314 §3.
   */
  readonly tls?: 'none' | 'optional' | 'required' | 'implicit'
  /**
   * The weakest key exchange with which mail and passwords are taken: a hybrid group, which a recording of today does not give away to a
   * quantum computer. Others hear 454 4.7.5, with its name. With `tls` `required` or `implicit`. Default: any.
   */
  readonly minimumGroup?: MinimumGroup
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
  /** Whether addresses must stand in angle brackets, as RFC 5321 §4.1.2 wants, or also `MAIL FROM:joe@example.com` is taken. Default `required`. */
  readonly brackets?: 'required' | 'optional'
  /** What to do with a message that has a NUL in it and is not BINARYMIME: take it as it is (default), or refuse it with 550 5.6.11. */
  readonly nulOctets?: 'accept' | 'reject'
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
  /** Milliseconds before the banner, at most 30,000; whoever speaks meanwhile is refused. Default 0. */
  readonly waitMs?: number
  /** Send the first of two lines before the wait: some read only that one, and speak. */
  readonly twoLines?: boolean
  /** Addresses and networks that do not wait. */
  readonly except?: readonly string[]
}

/** Where stress begins. Shares are of 1. */
export interface StressOptions {
  /** Share of `limits.connections` that are open; default 0.8. */
  readonly connections?: number
  /** Milliseconds the event loop is late; default 250. */
  readonly loopDelayMs?: number
  /** Share of the memory the process may have (cgroup, or the machine's) that it has; default 0.9. */
  readonly memory?: number
  /** Free octets below which the file system of `path` is nearly full. Default: not looked at. */
  readonly disk?: { readonly path: string; readonly freeBytes: number }
}

/** All contradictions; the certificates are read, but nothing listens. */
export function listenerMistakes(options: ListenerOptions): readonly string[] {
  const { tls, hostname, greeting, proxies, xclient, xforward } = options
  const mistakes: string[] = []
  // RFC 5321 §2.3.5: it goes into replies as it is; nothing but a domain or a literal may be in it.
  if (!/^[A-Za-z0-9._:[\]-]{1,255}$/.test(hostname))
    mistakes.push(`hostname: ${JSON.stringify(hostname)} is not a host name`)
  mistakes.push(...placeMistakes(options))
  for (const [key, list] of Object.entries({ proxies, xclient, xforward, 'greeting.except': greeting?.except }))
    mistakes.push(...failure(key, () => networkList(list)))
  const certificates = certificatesOf(options)
  if (certificates.length === 0 && (tls === 'implicit' || tls === 'required'))
    mistakes.push(`tls: "${tls}" needs a certificate`)
  // In the clear there is no key exchange at all.
  if (options.minimumGroup !== undefined && tls !== 'implicit' && tls !== 'required')
    mistakes.push(
      `minimumGroup: it needs tls: 'required' (or 'implicit'), else who does without TLS is not asked for it`,
    )
  mistakes.push(
    ...failure('certificate: key and certificate cannot be read, or do not fit', () => secureContexts(certificates)),
  )
  return mistakes
}

/** What is thrown, as a sentence. */
function failure(what: string, read: () => unknown): readonly string[] {
  try {
    read()
    return []
  } catch (error) {
    return [`${what}: ${error instanceof Error ? error.message : error}`]
  }
}
