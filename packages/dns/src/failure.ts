/** Why a DNS question has no records. */

/** `NXDOMAIN` and `NODATA` are answers; the others mean that nobody knows. `BUDGET`: the message has asked too much. */
export type DnsFailure = 'NXDOMAIN' | 'NODATA' | 'SERVFAIL' | 'TIMEOUT' | 'REFUSED' | 'BUDGET'

/** What every question without records rejects with. */
export class DnsError extends Error {
  override readonly name = 'DnsError'
  readonly code: DnsFailure
  /** True when the name that was asked is an alias (CNAME): it exists, whatever became of its target, RFC 6604 §3. */
  readonly alias: boolean
  /** Until when a denial may be kept, milliseconds since the epoch; undefined when nobody knows. */
  readonly expires: number | undefined

  constructor(
    code: DnsFailure,
    question: string,
    options?: { readonly alias?: boolean; readonly expires?: number | undefined; readonly cause?: unknown },
  ) {
    super(`${code}: ${question}`, options?.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.alias = options?.alias ?? false
    this.expires = options?.expires
  }
}
