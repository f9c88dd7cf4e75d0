/** One SPF check, RFC 7208 §4: the evaluation is that of the npm package mailauth, in its strict mode. */
import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import type { SpfCheck, SpfResult } from '@postroad/authres'
import { DnsMemo } from '@postroad/dns'
import { evaluateSpf, nodeResolver } from '@postroad/mailauth'
import type { Dns } from '@postroad/plugin'
import { type StandIn, standIn } from './stand-in.ts'

/** Who claims what. */
export interface SpfQuestion {
  /** Of the client. */
  readonly ip: string
  /** As the client said it. */
  readonly helo: string
  /** Local part and domain; `undefined`: the identity is that of HELO, RFC 7208 §2.4. */
  readonly from: { readonly local: string; readonly domain: string } | undefined
  /** Our own name, for the macro `r`. */
  readonly hostname: string
}

/** How to find out. */
export interface SpfDeps {
  readonly dns: Dns
  readonly signal?: AbortSignal
  /** Milliseconds; then temperror. */
  readonly timeout: number
}

const RESULTS: readonly string[] = [
  'none',
  'neutral',
  'pass',
  'fail',
  'softfail',
  'temperror',
  'permerror',
] satisfies SpfResult[]

/** How to find out, for many. */
export interface SpfChecksDeps extends Omit<SpfDeps, 'signal'> {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Whose signal ends it; read only when there is something to wait for. */
  readonly context?: { readonly signal: AbortSignal }
}

/** Macros that make a record speak of one sender, or of the moment: RFC 7208 §7.2. */
const PERSONAL = /%\{[slt]/i

/** Checks, and remembers what it has found for as long as the records it rests on may be kept. */
export class SpfChecks {
  readonly #memo = new DnsMemo<SpfCheck>()

  /** As {@link checkSpf}; at once when it is known. */
  check(question: SpfQuestion, { dns, now, timeout, context }: SpfChecksDeps): SpfCheck | Promise<SpfCheck> {
    const { ip, helo, from } = question
    const key = `${ip} ${from === undefined ? '' : from.domain} ${helo}`
    return (
      this.#memo.get(key, now) ??
      this.#memo.learn(key, {
        dns,
        now,
        draw: (witness) => checkSpf(question, { dns: witness, timeout, ...(context && { signal: context.signal }) }),
        isCommon: ({ result }, texts) => result !== 'temperror' && !texts.some((text) => PERSONAL.test(text)),
      })
    )
  }
}

/** Checks one identity. Never rejects: what goes wrong is a temperror. */
export async function checkSpf(question: SpfQuestion, deps: SpfDeps): Promise<SpfCheck> {
  const identity = question.from === undefined ? 'helo' : 'mailfrom'
  const domain = toDomain(question.from?.domain ?? question.helo)
  const known = { identity, domain, explanation: undefined } as const
  // RFC 7208 §4.3: an address literal, a single label or a malformed name has no SPF record, and need not be asked for.
  if (domain === '') return { ...known, result: 'none', comment: 'no domain to ask' }
  // RFC 7208 §4.1: there must be an address, and nobody can name this client's. To try again later would not help.
  if (!isIPv4(question.ip) && !isIPv6(question.ip)) return { ...known, result: 'none', comment: 'no client address' }
  const asked = standIn(domain, nodeResolver(deps.dns, deps.signal))
  // RFC 7208 §4.3: an empty local part is replaced by postmaster.
  const sender = `${question.from?.local || 'postmaster'}@${asked.domain}`
  try {
    const { status, explanation } = await evaluateSpf({
      sender,
      ip: question.ip,
      helo: question.helo,
      mta: question.hostname,
      resolver: asked.resolver,
      strict: true,
      maxElapsedTime: deps.timeout,
    })
    return {
      ...known,
      result: toResult(status.result),
      comment: shorten(status.comment, { sender, asked, hostname: question.hostname }),
      explanation: explanation ? clip(asked.restore(explanation)) : undefined,
    }
  } catch (error) {
    return { ...known, result: 'temperror', comment: error instanceof Error ? error.message : undefined }
  }
}

/** Characters of a stranger's explanation that a client is shown: a refusal is for people to read, and a record may hold 64 KB. */
const EXPLANATION = 500

function clip(text: string): string {
  return text.length <= EXPLANATION ? text : `${text.slice(0, EXPLANATION - 4)} ...`
}

/** Lower-case A-labels without the root dot; empty when it is not a name of two labels or more. */
function toDomain(text: string): string {
  const ascii = /[^\x00-\x7f]/.test(text) ? domainToASCII(text) : text
  const domain = ascii.toLowerCase().replace(/\.$/, '')
  return domain.includes('.') &&
    !/[[\]\x00-\x20\x7f]/.test(domain) &&
    !isIPv4(domain) &&
    domain.split('.').every(isLabel) &&
    domain.length <= 253
    ? domain
    : ''
}

function isLabel(label: string): boolean {
  return label.length > 0 && label.length <= 63
}

/** What mailauth calls a result is a result; anything else means that we do not know. */
function toResult(text: string): SpfResult {
  return RESULTS.includes(text) ? (text as SpfResult) : 'temperror' // `as`: it is in the list
}

/** Without our own name in front, which the field has anyway, and of the domain instead of one sender: it holds for all of them. */
function shorten(
  comment: string | false | undefined,
  { sender, asked, hostname }: { readonly sender: string; readonly asked: StandIn; readonly hostname: string },
): string | undefined {
  if (!comment) return undefined
  const own = comment.startsWith(`${hostname}: `) ? comment.slice(hostname.length + 2) : comment
  return asked.restore(own.replace(sender, () => asked.domain))
}
