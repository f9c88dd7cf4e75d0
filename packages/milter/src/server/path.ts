/** Addresses and parameters as a mail server passes them on. It has taken them already: what can be understood is, and nothing is refused for its form. */
import {
  type Address,
  type MailParameters,
  makeAddress,
  parseForwardPath,
  parseReversePath,
  type RcptParameters,
} from '@postroad/mail'
import { isReply, type Offer, parseMailParameters, parseRcptParameters } from '@postroad/smtp'
import type { PathArgument } from '../command.ts'

const LENIENT = { smtputf8: true, lenient: true, localLimit: 1_000, pathLimit: 2_000 } as const
const ALL: Offer = {
  mechanisms: [],
  eightBitMime: true,
  binaryMime: true,
  smtputf8: true,
  dsn: true,
  requireTls: true,
  prdr: false,
}
const MAIL_RULES = { offer: ALL, size: Number.POSITIVE_INFINITY, isSecure: true, hasAuth: true }
const NO_PARAMETERS = Object.freeze({})

/** What a server says of an address beside its path: clients may leave the domain out. */
export interface Completion {
  /** The address as the server completes it. */
  readonly address: string | undefined
  /** The name of the server, for what it does not complete. */
  readonly host: string | undefined
}

/** The reverse-path, `null` for the null one; undefined when it is none. */
export function reversePathOf(path: string, completion: Completion): Address | null | undefined {
  const found = parseReversePath(path, LENIENT) ?? completed(completion, parseReversePath)
  return found ? (found.address ?? null) : pieces(path, completion)
}

/** A recipient; undefined when it is none. */
export function forwardPathOf(path: string, completion: Completion): Address | undefined {
  const found = parseForwardPath(path, LENIENT) ?? completed(completion, parseForwardPath)
  return found?.address ?? pieces(path, completion)
}

function completed<T>(
  { address }: Completion,
  parse: (path: string, options: typeof LENIENT) => T | undefined,
): T | undefined {
  return address === undefined ? undefined : parse(`<${address}>`, LENIENT)
}

/** Servers take what no standard has: `<a..b@example.com>`. Hooks see it as it would have to be quoted. */
function pieces(path: string, { host }: Completion): Address | undefined {
  const bare = path.trim().replace(/^<(.*)>$/, '$1')
  const at = bare.lastIndexOf('@')
  const domain = at < 0 ? host : bare.slice(at + 1)
  const local = at < 0 ? bare : bare.slice(0, at)
  if (domain === undefined || !/^[^\s<>]+$/.test(local)) return undefined
  try {
    return makeAddress(local, domain, LENIENT)
  } catch {
    return undefined // what is refused then
  }
}

/** Those of MAIL that are known. */
export function mailParametersOf({ parameters }: PathArgument): MailParameters {
  return parameters.length === 0 ? NO_PARAMETERS : collect(parameters, (one) => parseMailParameters(one, MAIL_RULES))
}

/** Those of RCPT that are known. */
export function rcptParametersOf({ parameters }: PathArgument): RcptParameters {
  return parameters.length === 0 ? NO_PARAMETERS : collect(parameters, (one) => parseRcptParameters(one, ALL))
}

/** One that cannot be read is the server's business. */
function collect<T extends object>(words: readonly string[], parse: (word: string) => object): T {
  const known = words.map((word) => parse(word)).filter((parsed) => !isReply(parsed))
  return Object.assign({}, ...known) as T // what all of them are
}

/** A recipient's parameters as they are said to a server. */
export function parameterWords({ notify, orcpt }: RcptParameters): readonly string[] {
  return [
    ...(notify ? [`NOTIFY=${notify.join(',')}`] : []),
    ...(orcpt ? [`ORCPT=${orcpt.type};${xtext(orcpt.address)}`] : []),
  ]
}

/** RFC 3461 §4. */
function xtext(text: string): string {
  return [...Buffer.from(text)]
    .map((octet) =>
      octet < 0x21 || octet > 0x7e || octet === 0x2b || octet === 0x3d
        ? `+${octet.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(octet),
    )
    .join('')
}
