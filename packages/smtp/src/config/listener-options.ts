/** What an operator may say of a listener, and what is wrong with what is said: all of it, each in a sentence that begins with the option. */
import { type Certificate, certificatesOf, secureContexts } from '../tls/tls.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { networkList } from './network.ts'

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

/** Gives sentences, none when the value at `path` is as it should be. */
type Check = (value: unknown, path: string) => readonly string[]

/** Limits where nothing at all has a meaning. */
const MAY_BE_ZERO = new Set(['noops', 'errorDelayMs', 'connectionsPerMinute', 'minDataRate', 'dataGraceMs'])
const LIMITS = Object.keys(DEFAULT_LIMITS)

const text: Check = (value, path) => must(typeof value === 'string', path, { be: 'a text', value })
const flag: Check = (value, path) => must(typeof value === 'boolean', path, { be: 'true or false', value })
const host: Check = (value, path) =>
  // RFC 5321 §2.3.5: it goes into replies as it is; nothing but a domain or a literal may be in it.
  typeof value === 'string' && /^[A-Za-z0-9._:[\]-]{1,255}$/.test(value) ? [] : [`${path}: ${shown(value)} is not a host name`]
const callback: Check = (value, path) => must(typeof value === 'function', path, { be: 'a function', value })

/** The options and what each must be; no other has a meaning. */
const CHECKS: { readonly [K in keyof Required<ListenerOptions>]: Check } = {
  name: text,
  hostname: host,
  protocol: oneOf('smtp', 'lmtp'),
  port: whole(0, 65_535),
  host: text,
  path: text,
  mode: whole(0, 0o777),
  group: (value, path) =>
    must((typeof value === 'string' && /^[^\s:]+$/.test(value)) || (Number.isSafeInteger(value) && Number(value) >= 0), path, {
      be: 'the name or the number of a group',
      value,
    }),
  backlog: whole(1),
  tls: oneOf('none', 'optional', 'required', 'implicit'),
  certificate: () => [],
  auth: oneOf('none', 'optional', 'required'),
  authWithoutTls: flag,
  limits: object((key) => (LIMITS.includes(key) ? whole(MAY_BE_ZERO.has(key) ? 0 : 1) : undefined), LIMITS),
  strictLines: flag,
  bareLineEndings: oneOf('reject', 'normalise'),
  proxies: networks,
  xclient: networks,
  xclientLogin: oneOf('ignore', 'trust'),
  xforward: networks,
  greeting: fields({ waitMs: whole(0, 30_000), twoLines: flag, except: networks }),
  pipelining: oneOf('lenient', 'strict'),
  stress: fields({ connections: share, loopDelayMs: whole(1), memory: share, disk: fields({ path: text, freeBytes: whole(0) }) }),
  onError: callback,
}

/** All mistakes; the certificates are read, but nothing listens. */
export function listenerMistakes(options: ListenerOptions): readonly string[] {
  const mistakes = [
    ...object((key) => (Object.hasOwn(CHECKS, key) ? CHECKS[key as keyof ListenerOptions] : undefined), Object.keys(CHECKS))(options, ''),
  ] // it was just found there
  const { tls } = options
  if (options.path === undefined)
    for (const key of ['mode', 'group'] as const)
      if (options[key] !== undefined) mistakes.push(`${key}: only a UNIX socket has one: give the path of it instead of a port`)
  const certificates = certificatesOf(options)
  if (certificates.length === 0 && (tls === 'implicit' || tls === 'required')) mistakes.push(`tls: "${tls}" needs a certificate`)
  try {
    secureContexts(certificates)
  } catch (error) {
    mistakes.push(`certificate: key and certificate cannot be read, or do not fit: ${error instanceof Error ? error.message : error}`)
  }
  return mistakes
}

function oneOf(...words: readonly string[]): Check {
  const be = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return (value, path) => must(typeof value === 'string' && words.includes(value), path, { be, value })
}

function whole(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  const be = `a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`
  return (value, path) => must(Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most, path, { be, value })
}

function share(value: unknown, path: string): readonly string[] {
  return must(typeof value === 'number' && value > 0, path, { be: 'a number above 0', value })
}

function networks(value: unknown, path: string): readonly string[] {
  if (!Array.isArray(value)) return must(false, path, { be: 'a list of addresses and networks', value })
  try {
    networkList(value.map(String))
    return []
  } catch (error) {
    return [`${path}: ${error instanceof Error ? error.message : error}`]
  }
}

function fields(checks: Readonly<Record<string, Check>>): Check {
  return object((key) => (Object.hasOwn(checks, key) ? checks[key] : undefined), Object.keys(checks))
}

/** An object of which nothing but the `known` may be there; what is undefined is not. */
function object(check: (key: string) => Check | undefined, known: readonly string[]): Check {
  return (value, path) => {
    if (typeof value !== 'object' || value === null) return must(false, path, { be: 'an object', value })
    return Object.entries(value).flatMap(([key, inner]) => {
      const where = path === '' ? key : `${path}.${key}`
      if (inner === undefined) return []
      return check(key)?.(inner, where) ?? [`${where}: there is no such option; there are ${known.join(', ')}`]
    })
  }
}

function must(isSo: boolean, path: string, { be, value }: { readonly be: string; readonly value: unknown }): readonly string[] {
  return isSo ? [] : [`${path} must be ${be}, not ${shown(value)}`]
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
