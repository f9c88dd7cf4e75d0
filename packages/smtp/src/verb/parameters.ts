/** What may follow the path in MAIL and RCPT, RFC 5321 §4.1.2: each keyword once, with the value its extension gives it, or the command is refused. */

import type { MailParameters, RcptParameters } from '@postroad/mail'
import type { Offer, WireReply } from '../stages.ts'
import { reply } from '../wire/reply.ts'
import { decodeXtext } from './xtext.ts'

const MALFORMED = reply(501, '5.5.4', 'Malformed parameter')
const UNKNOWN = reply(555, '5.5.4', 'Unknown parameter')
const TOO_BIG = reply(552, '5.3.4', 'Message is larger than the limit')
// RFC 8689 §2: a session with REQUIRETLS has TLS. 530 as where STARTTLS must come first, RFC 3207 §4.
const NEEDS_TLS = reply(530, '5.7.10', 'REQUIRETLS needs TLS')

/** What MAIL may say depends on. */
export interface MailRules {
  readonly offer: Offer
  /** Octets a message may have. */
  readonly size: number
  readonly isSecure: boolean
  readonly hasAuth: boolean
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
/** Puts one parameter in; a reply refuses it. */
type Setter<T, R> = (into: Writable<T>, value: string, rules: R) => WireReply | undefined

const NO_MAIL_PARAMETERS: MailParameters = Object.freeze({})
const NO_RCPT_PARAMETERS: RcptParameters = Object.freeze({})

/** RFC 5321 §4.1.2: esmtp-keyword and esmtp-value; RFC 6531 §3.4 adds characters beyond ASCII. */
const KEYWORD = /^[A-Za-z0-9][A-Za-z0-9-]*$/
const VALUE = /^[!-<>-~\u0080-\u{10ffff}]+$/u

/** The parameters of MAIL, or why not. */
export function parseMailParameters(text: string, rules: MailRules): MailParameters | WireReply {
  return text === '' ? NO_MAIL_PARAMETERS : parse(text, { setters: MAIL, rules })
}

/** The parameters of RCPT, or why not. */
export function parseRcptParameters(text: string, offer: Offer): RcptParameters | WireReply {
  return text === '' ? NO_RCPT_PARAMETERS : parse(text, { setters: RCPT, rules: offer })
}

/** Tells a refusal from parameters. */
export function isReply(value: object): value is WireReply {
  return 'code' in value
}

function parse<T extends object, R>(
  text: string,
  grammar: { setters: ReadonlyMap<string, Setter<T, R>>; rules: R },
): T | WireReply {
  const parameters = {} as Writable<T> // all keys are optional; the setters fill them in
  const seen = new Set<string>()
  for (const part of text.trimEnd().split(' ')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const keyword = (equals < 0 ? part : part.slice(0, equals)).toUpperCase()
    const value = equals < 0 ? '' : part.slice(equals + 1)
    if (!KEYWORD.test(keyword) || (equals >= 0 && !VALUE.test(value))) return MALFORMED
    // RFC 3461 §4: a keyword given twice is a syntax error; so it is for all others.
    if (seen.has(keyword)) return MALFORMED
    seen.add(keyword)
    // RFC 5321 §4.1.1.11: 555 for a parameter that is not recognised or not implemented.
    const refusal = (grammar.setters.get(keyword) ?? unknown)(parameters, value, grammar.rules)
    if (refusal !== undefined) return refusal
  }
  return parameters
}

function unknown(): WireReply {
  return UNKNOWN
}

const MAIL = new Map<string, Setter<MailParameters, MailRules>>([
  [
    'SIZE',
    (into, value, { size }) => {
      // RFC 1870 §4: 1 to 20 digits.
      if (!/^\d{1,20}$/.test(value)) return MALFORMED
      into.size = Number(value)
      // RFC 1870 §6.1: 552 when the fixed maximum would be exceeded.
      return into.size > size ? TOO_BIG : undefined
    },
  ],
  [
    'BODY',
    (into, value, { offer }) => {
      const body = value.toUpperCase()
      if (!offer.eightBitMime && !offer.binaryMime) return UNKNOWN
      if (body !== '7BIT' && body !== '8BITMIME' && body !== 'BINARYMIME') return MALFORMED
      if (body === 'BINARYMIME' && !offer.binaryMime) return UNKNOWN
      into.body = body
      return undefined
    },
  ],
  [
    'SMTPUTF8',
    (into, value, { offer }) => {
      if (!offer.smtputf8) return UNKNOWN
      // RFC 6531 §3.4: the parameter has no value.
      if (value !== '') return MALFORMED
      into.smtputf8 = true
      return undefined
    },
  ],
  [
    'REQUIRETLS',
    (into, value, { offer, isSecure }) => {
      if (!offer.requireTls) return UNKNOWN
      if (value !== '') return MALFORMED
      if (!isSecure) return NEEDS_TLS
      into.requireTls = true
      return undefined
    },
  ],
  [
    'PRDR',
    (into, value, { offer }) => {
      if (!offer.prdr) return UNKNOWN
      if (value !== '') return MALFORMED
      into.prdr = true
      return undefined
    },
  ],
  [
    'RET',
    (into, value, { offer }) => {
      const ret = value.toUpperCase()
      if (!offer.dsn) return UNKNOWN
      if (ret !== 'FULL' && ret !== 'HDRS') return MALFORMED
      into.ret = ret
      return undefined
    },
  ],
  [
    'ENVID',
    (into, value, { offer }) => {
      if (!offer.dsn) return UNKNOWN
      // RFC 3461 §4.4: xtext of at most 100 characters, printable when decoded.
      const envid = value.length > 100 ? undefined : decodeXtext(value)
      if (envid === undefined) return MALFORMED
      into.envid = envid
      return undefined
    },
  ],
  [
    'AUTH',
    (into, value, { hasAuth }) => {
      if (!hasAuth) return UNKNOWN
      // RFC 4954 §5: `<>`, or the xtext of a mailbox; at most 500 characters.
      const auth = value === '<>' ? null : value.length > 500 ? undefined : decodeXtext(value)
      if (auth === undefined) return MALFORMED
      into.auth = auth
      return undefined
    },
  ],
])

const RCPT = new Map<string, Setter<RcptParameters, Offer>>([
  [
    'NOTIFY',
    (into, value, { dsn }) => {
      if (!dsn) return UNKNOWN
      const notify = parseNotify(value.toUpperCase())
      if (notify === undefined) return MALFORMED
      into.notify = notify
      return undefined
    },
  ],
  [
    'ORCPT',
    (into, value, { dsn }) => {
      if (!dsn) return UNKNOWN
      // RFC 3461 §4.2: addr-type ";" xtext, at most 500 characters.
      const semicolon = value.indexOf(';')
      const type = value.slice(0, Math.max(semicolon, 0))
      const address = value.length > 500 ? undefined : decodeXtext(value.slice(semicolon + 1))
      if (!/^[A-Za-z0-9-]+$/.test(type) || address === undefined) return MALFORMED
      into.orcpt = { type: type.toLowerCase(), address }
      return undefined
    },
  ],
])

type Notify = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY'

/** RFC 3461 §4.1: NEVER alone, or a list of the others, each once. */
function parseNotify(value: string): readonly Notify[] | undefined {
  if (value === 'NEVER') return ['NEVER']
  const words = value.split(',')
  const list = words.filter((word): word is Notify => word === 'SUCCESS' || word === 'FAILURE' || word === 'DELAY')
  return list.length === words.length && new Set(list).size === list.length ? list : undefined
}
