/** Why a DNS question has no records. */
import type { DnsFailure } from '@postroad/plugin'

/** Codes of {@link DnsError}: what each means, and what to do. Part of docs/errors.md. */
export const DNS_ERRORS = {
  NXDOMAIN: { summary: 'The name does not exist.', fix: 'Nothing: this is an answer.' },
  NODATA: { summary: 'The name exists and has no record of this type.', fix: 'Nothing: this is an answer.' },
  SERVFAIL: {
    summary: 'The resolver could not find out: the servers of the domain do not answer it, or DNSSEC does not hold.',
    fix: 'For one domain, nothing: it is the domain’s affair, and mail is deferred. For all, look at the resolver: `dig` the name there.',
  },
  TIMEOUT: {
    summary: 'No answer in time.',
    fix: 'For all names, look at the resolver, and whether UDP and TCP to port 53 get through; `timeoutMs` of the resolver is how long is waited.',
  },
  REFUSED: {
    summary: 'The resolver does not answer questions from here.',
    fix: 'Use a resolver that does, best one of your own on this machine.',
  },
  BUDGET: {
    summary: 'One message has asked as many questions as it may.',
    fix: 'Nothing, mostly: such messages are made to cost. If honest ones meet it, raise `lookupsPerMessage` of the resolver.',
  },
} as const satisfies Readonly<Record<DnsFailure, object>>

/** What every question without records rejects with. */
export class DnsError extends Error {
  override readonly name = 'DnsError'
  readonly code: DnsFailure
  /** True when the name that was asked is an alias (CNAME): it exists, whatever became of its target, RFC 6604 §3. */
  readonly alias: boolean
  /** A trusted resolver has validated that there is none (AD bit), RFC 4035 §5.4; false for what is no denial. */
  readonly secure: boolean
  /** Until when a denial may be kept, milliseconds since the epoch; undefined when the answer did not say. */
  readonly expires: number | undefined

  constructor(
    code: DnsFailure,
    question: string,
    options?: {
      readonly alias?: boolean
      readonly secure?: boolean
      readonly expires?: number | undefined
      readonly cause?: unknown
    },
  ) {
    super(`${code}: ${question}`, options?.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.alias = options?.alias ?? false
    this.secure = options?.secure ?? false
    this.expires = options?.expires
  }
}
