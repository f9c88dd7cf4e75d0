/** What stands after `MAIL FROM:` and `RCPT TO:`: an address in angle brackets and the parameters behind it, RFC 5321 §4.1.2. */
import { type Address, isPostmaster, isWithin, Mailbox } from './address.ts'
import { domainEnd } from './domain.ts'
import { type AddressOptions, MailboxReader } from './mailbox-reader.ts'

/** What {@link parseReversePath} read. */
export interface ReversePath {
  /** Undefined for the null reverse-path `<>`. */
  readonly address: Address | undefined
  /** The parameters: what follows the path, without the spaces between. */
  readonly rest: string
}

/** What {@link parseForwardPath} read. */
export interface ForwardPath extends ReversePath {
  readonly address: Address
}

const SPACE = 0x20
const COMMA = 0x2c
const COLON = 0x3a
const OPEN = 0x3c
const CLOSE = 0x3e
const AT = 0x40

/**
 * Reads the text right after `MAIL FROM:`; undefined when it is not a reverse-path.
 *
 * @example parseReversePath('<a@example.com> SIZE=1') // { address: a@example.com, rest: 'SIZE=1' }
 */
export function parseReversePath(text: string, options: AddressOptions = {}): ReversePath | undefined {
  const start = skipSpaces(text, 0)
  if (text.charCodeAt(start) === OPEN && text.charCodeAt(start + 1) === CLOSE) return finish(text, start + 2, undefined)
  return parsePath(text, start, options, false)
}

/**
 * Reads the text right after `RCPT TO:`; undefined when it is not a forward-path. `<postmaster>` gives an address without domain,
 * RFC 5321 §4.1.1.3.
 */
export function parseForwardPath(text: string, options: AddressOptions = {}): ForwardPath | undefined {
  return parsePath(text, skipSpaces(text, 0), options, true)
}

function parsePath(text: string, start: number, options: AddressOptions, isForward: boolean): ForwardPath | undefined {
  const isBracketed = text.charCodeAt(start) === OPEN
  if (!isBracketed && !options.lenient) return undefined
  const from = sourceRouteEnd(text, isBracketed ? start + 1 : start, options)
  if (from < 0) return undefined
  const reader = new MailboxReader(text, from, options)
  if (!reader.readLocal()) return undefined
  if (text.charCodeAt(reader.at) === AT) {
    reader.at++
    if (!reader.readDomain()) return undefined
  } else if (!isForward || reader.isQuoted || !isPostmaster(reader.local)) return undefined
  if (isBracketed && text.charCodeAt(reader.at++) !== CLOSE) return undefined
  const address = new Mailbox(reader.local, reader.domain, reader.isInternational)
  if (!isWithin(text.slice(start, reader.at), address, options, isBracketed ? 0 : 2)) return undefined
  return finish(text, reader.at, address)
}

/**
 * Index after `@a,@b:`, or `start` when there is none, or -1 when it is broken.
 * RFC 5321 §4.1.1.3 and §C: source routes are to be understood, and ignored.
 */
function sourceRouteEnd(text: string, start: number, options: AddressOptions): number {
  let at = start
  while (text.charCodeAt(at) === AT) {
    at = domainEnd(text, at + 1, options)
    if (at < 0) return -1
    const code = text.charCodeAt(at++)
    if (code === COLON) return at
    if (code !== COMMA || text.charCodeAt(at) !== AT) return -1
  }
  return at
}

function finish<A extends Address | undefined>(
  text: string,
  at: number,
  address: A,
): { address: A; rest: string } | undefined {
  if (at === text.length) return { address, rest: '' }
  return text.charCodeAt(at) === SPACE ? { address, rest: text.slice(skipSpaces(text, at)) } : undefined
}

// deviates: RFC 5321 §3.3 — spaces after the colon are passed over: many clients send one, and it cannot be misread.
function skipSpaces(text: string, start: number): number {
  let at = start
  while (text.charCodeAt(at) === SPACE) at++
  return at
}
