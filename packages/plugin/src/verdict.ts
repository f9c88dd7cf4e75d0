/**
 * What a hook may answer.
 *
 * A handler answers with an *opinion*, never with a reply: the core resolves the opinions of all
 * plugins into the one reply the client sees. That is what makes shadow mode, deferred refusal,
 * scoring and replay possible.
 */
import type { Address, Reply, Route } from '@postroad/mail'

/** Enhanced status of a permanent failure, RFC 3463 §2. */
export type PermanentStatus = `5.${number}.${number}`

/** Enhanced status of a transient failure, RFC 3463 §2. */
export type TransientStatus = `4.${number}.${number}`

/** How a refusal is said. `Status` is `5.y.z` for {@link reject}, `4.y.z` for {@link defer}. */
export interface RefusalOptions<Status extends string> {
  /** Enhanced status code, RFC 3463. Default: `x.7.1`, delivery not authorized. */
  readonly status?: Status
  /** Basic reply code, 400 to 599. Default: the one IANA associates with `status`, RFC 5248 §2. */
  readonly code?: number
  /** Close the connection after the reply. Default: `false`. */
  readonly disconnect?: boolean
  /** Only these recipients are meant (at `message` and `delivery`). Default: all. */
  readonly for?: readonly Address[]
}

/** Nothing more to ask at this hook. */
export interface Accept {
  readonly kind: 'accept'
}

/** Refused for good, 5yz. */
export interface Reject {
  readonly kind: 'reject'
  /** One line, or several separated by `\n`; printable ASCII is sent, the rest is replaced. */
  readonly text: string
  readonly status: PermanentStatus
  readonly code: number
  readonly disconnect: boolean
  readonly for?: readonly Address[]
}

/** Refused for now, 4yz. */
export interface Defer {
  readonly kind: 'defer'
  /** One line, or several separated by `\n`; printable ASCII is sent, the rest is replaced. */
  readonly text: string
  readonly status: TransientStatus
  readonly code: number
  readonly disconnect: boolean
  readonly for?: readonly Address[]
}

/** Taken, and set aside. */
export interface Quarantine {
  readonly kind: 'quarantine'
  readonly reason: string
  readonly for?: readonly Address[]
}

/** Taken, and dropped. */
export interface Discard {
  readonly kind: 'discard'
  readonly reason: string
  readonly for?: readonly Address[]
}

/** Points that add up over the transaction; never decisive by themselves. */
export interface Suspect {
  readonly kind: 'suspect'
  readonly points: number
  readonly reason: string
}

/** Sends a delivery attempt elsewhere. */
export interface Reroute {
  readonly kind: 'reroute'
  readonly route: Route
}

/** What may be said of a delivery attempt: try later, give up (a bounce), or go another way. */
export type DeliveryOpinion = Defer | Reject | Reroute

/** A refusal, permanent or transient. */
export type Refusal = Reject | Defer

/** An opinion on a command: let it through, or refuse it. */
export type CommandOpinion = Accept | Reject | Defer | Suspect

/** An opinion on a whole message: it may also be set aside or dropped. */
export type MessageOpinion = CommandOpinion | Quarantine | Discard

/** Any opinion. */
export type Opinion = MessageOpinion

const ACCEPT: Accept = Object.freeze({ kind: 'accept' })

/**
 * Nothing more to ask at this hook: its later waves are skipped. Loses against a refusal of its own wave, and gives no
 * recipient a route: only an answer at `route` does.
 *
 * @example rcpt: ({ envelope }) => (envelope.from?.domain === 'friend.example' ? accept() : undefined)
 */
export function accept(): Accept {
  return ACCEPT
}

/**
 * Refuse for good (5yz): the client must not try again unchanged.
 *
 * @param text shown to the client; generic English, no internals
 * @throws {TypeError} when `status` or `code` is not of class 5, or `text` or another option is not what its type says
 * @example return reject('We did not buy a ticket', { status: '5.7.1' })
 */
export function reject(text: string, options?: RefusalOptions<PermanentStatus>): Reject {
  const { status = '5.7.1', code = basicCode(status), disconnect = false } = options ?? {}
  checkText('reject', 'text', text)
  if (options) checkOptions('reject', options, REFUSAL_OPTIONS)
  checkClass('reject', '5', status, code)
  const refusal: Reject = { kind: 'reject', text, status, code, disconnect }
  return options?.for ? { ...refusal, for: options.for } : refusal
}

/**
 * Refuse for now (4yz): the client should try again later.
 *
 * @param text shown to the client; generic English, no internals
 * @throws {TypeError} when `status` or `code` is not of class 4, or `text` or another option is not what its type says
 * @example return defer('Greylisted, try again later', { status: '4.7.1' })
 */
export function defer(text: string, options?: RefusalOptions<TransientStatus>): Defer {
  const { status = '4.7.1', code = basicCode(status), disconnect = false } = options ?? {}
  checkText('defer', 'text', text)
  if (options) checkOptions('defer', options, REFUSAL_OPTIONS)
  checkClass('defer', '4', status, code)
  const refusal: Defer = { kind: 'defer', text, status, code, disconnect }
  return options?.for ? { ...refusal, for: options.for } : refusal
}

/**
 * Take the message and set it aside for a human to look at.
 *
 * @throws {TypeError} when an argument is not what its type says
 * @example message: ({ message }) => (message.headers.get('x-bulk') ? quarantine('bulk') : undefined)
 */
export function quarantine(reason: string, options?: { readonly for?: readonly Address[] }): Quarantine {
  checkText('quarantine', 'reason', reason)
  if (options) checkOptions('quarantine', options, ['for'])
  return options?.for ? { kind: 'quarantine', reason, for: options.for } : { kind: 'quarantine', reason }
}

/**
 * Take the message and drop it. The sender is not told: prefer {@link reject}, RFC 5321 §6.2.
 *
 * @throws {TypeError} when an argument is not what its type says
 * @example message: ({ message }) => (message.size === 0 ? discard('empty') : undefined)
 */
export function discard(reason: string, options?: { readonly for?: readonly Address[] }): Discard {
  checkText('discard', 'reason', reason)
  if (options) checkOptions('discard', options, ['for'])
  return options?.for ? { kind: 'discard', reason, for: options.for } : { kind: 'discard', reason }
}

/**
 * Not decisive by itself: points add up over the transaction and meet the operator's thresholds at `message`.
 * Negative points speak for the message.
 *
 * @throws {TypeError} when `points` is not a finite number, or `reason` no text
 * @example mail: ({ helo }) => (helo.name.startsWith('[') ? suspect(1.5, 'helo is an address literal') : undefined)
 */
export function suspect(points: number, reason: string): Suspect {
  if (!Number.isFinite(points)) throw new TypeError(`suspect: points must be a finite number, not ${points}`)
  checkText('suspect', 'reason', reason)
  return { kind: 'suspect', points, reason }
}

/**
 * At `delivery`: send this attempt another way.
 *
 * @throws {TypeError} when `route` has no `via`
 * @example delivery: ({ attempt }) => (attempt > 3 ? reroute({ via: 'smtp', host: 'fallback.example.com' }) : undefined)
 */
export function reroute<V extends string>(route: Route<V>): Reroute {
  checkText('reroute', 'route.via', route?.via)
  return { kind: 'reroute', route }
}

/** A reply to VRFY, EXPN, HELP or an unknown verb, RFC 5321 §4.2. */
export interface CommandReply extends Reply {
  readonly kind: 'reply'
}

/**
 * The whole reply to VRFY, EXPN, HELP or an unknown verb; other hooks answer with opinions.
 *
 * @throws {TypeError} when `code` is not from 200 to 599, or `text` no text
 * @example verify: ({ argument }) => reply(252, 'Send some mail, I will try my best', '2.5.1')
 */
export function reply(code: number, text: string, status?: string): CommandReply {
  if (!(code >= 200 && code <= 599)) throw new TypeError(`reply: code must be from 200 to 599, not ${code}`)
  checkText('reply', 'text', text)
  return { kind: 'reply', code, status, text }
}

const REFUSAL_OPTIONS: readonly string[] = ['status', 'code', 'disconnect', 'for']

/** Who writes JavaScript has no compiler that says so: an option that is not understood would silently mean nothing. */
function checkOptions(name: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object') throw new TypeError(`${name}: options must be an object, not ${shown(options)}`)
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) throw new TypeError(`${name}: there is no option "${key}"; there are ${known.join(', ')}`)
    if (key === 'disconnect' && value !== undefined && typeof value !== 'boolean')
      throw new TypeError(`${name}: disconnect must be true or false, not ${shown(value)}`)
    if (key === 'for' && value !== undefined) checkAddresses(name, value)
  }
}

function checkAddresses(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${name}: for must be an array of addresses, not ${shown(value)}`)
  const wrong = value.find((one) => typeof one?.local !== 'string' || typeof one.domain !== 'string')
  if (wrong !== undefined || value.includes(undefined))
    throw new TypeError(
      `${name}: for takes addresses of recipients, \`recipient.address\` for one, not ${shown(wrong)}`,
    )
}

function checkText(name: string, what: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${name}: ${what} must be a text, not ${shown(value)}`)
}

function shown(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : typeof value === 'object' && value !== null
      ? 'an object of another kind'
      : String(value)
}

function checkClass(name: string, digit: '4' | '5', status: string, code: number): void {
  if (!(status.startsWith(`${digit}.`) && /^\d\.\d{1,3}\.\d{1,3}$/.test(status)))
    throw new TypeError(`${name}: status must be ${digit}.y.z, not "${status}"`)
  if (!(Math.floor(code / 100) === Number(digit))) throw new TypeError(`${name}: code must be ${digit}yz, not ${code}`)
}

// "Associated basic status code" of the IANA SMTP Enhanced Status Codes registry, RFC 5248 §2.
// biome-ignore format: a table
const BASIC_CODES: ReadonlyMap<string, number> = new Map([
  ['4.2.1', 450], ['4.2.2', 452], ['4.3.0', 451], ['4.3.1', 452], ['4.3.2', 421], ['4.4.2', 421], ['4.4.3', 451], ['4.5.3', 452],
  ['4.7.0', 451], ['4.7.1', 451], ['4.7.24', 451], ['4.7.25', 450], ['4.7.26', 451], ['4.7.28', 451],
  ['5.1.1', 550], ['5.1.2', 550], ['5.1.3', 501], ['5.1.6', 551], ['5.1.8', 550], ['5.1.10', 556], ['5.2.1', 550], ['5.2.2', 552],
  ['5.2.3', 552], ['5.3.2', 550], ['5.3.4', 552], ['5.4.6', 554], ['5.5.3', 550], ['5.6.1', 554], ['5.6.7', 553], ['5.6.11', 550],
  ['5.7.1', 550], ['5.7.8', 535], ['5.7.9', 534], ['5.7.20', 550], ['5.7.21', 550], ['5.7.22', 550], ['5.7.23', 550], ['5.7.24', 550],
  ['5.7.25', 550], ['5.7.26', 550], ['5.7.27', 550],
])

function basicCode(status: PermanentStatus | TransientStatus): number {
  return BASIC_CODES.get(status) ?? (status.startsWith('5') ? 554 : 451)
}
