/** A report on TLS, RFC 8460 §4. */

/** Whose rules held: TLSA records, MTA-STS, or nobody's. */
export type TlsReportPolicyType = 'tlsa' | 'sts' | 'no-policy-found'

/** Sessions that failed in the same way. */
export interface TlsReportFailure {
  /** RFC 8460 §4.3; readers take any word. */
  readonly type: string
  readonly count: number
  readonly sendingIp?: string | undefined
  readonly mxHost?: string | undefined
  readonly mxHelo?: string | undefined
  readonly receivingIp?: string | undefined
  /** A sentence, or the address of one. */
  readonly information?: string | undefined
  /** A word of the sender's own. */
  readonly reason?: string | undefined
}

/** One policy, and what came of it. */
export interface TlsReportPolicy {
  readonly type: string
  /** What is published, line by line. */
  readonly strings: readonly string[]
  readonly domain: string
  readonly mxHosts: readonly string[]
  readonly successful: number
  readonly failed: number
  readonly failures: readonly TlsReportFailure[]
}

/** The report. */
export interface TlsReport {
  readonly organization: string
  readonly contact: string
  readonly id: string
  /** Milliseconds since the epoch; the end is the last second of the period. */
  readonly begin: number
  readonly end: number
  readonly policies: readonly TlsReportPolicy[]
}
