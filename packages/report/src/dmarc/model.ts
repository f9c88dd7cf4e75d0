/** An aggregate report on DMARC, RFC 9990 §3.1.1. */

/** What was done, or is asked for. */
export type DmarcDisposition = 'none' | 'pass' | 'quarantine' | 'reject'

/** Why something else was done than is asked for. */
export interface DmarcReason {
  /** `local_policy`, `mailing_list`, `other`, `policy_test_mode`, `trusted_forwarder`; older reports have others. */
  readonly type: string
  readonly comment?: string
}

/** Messages that have all of this in common. */
export interface DmarcRecord {
  /** Address of the client. */
  readonly source: string
  readonly count: number
  readonly disposition: DmarcDisposition
  /** Whether an aligned signature, or an aligned reverse-path, passed. */
  readonly dkim: 'pass' | 'fail'
  readonly spf: 'pass' | 'fail'
  readonly reasons: readonly DmarcReason[]
  readonly headerFrom: string
  readonly envelopeFrom?: string | undefined
  readonly envelopeTo?: string | undefined
  readonly signatures: readonly { readonly domain: string; readonly selector: string; readonly result: string }[]
  readonly spfResult?: { readonly domain: string; readonly result: string } | undefined
}

/** What the domain published, as the receiver saw it. */
export interface DmarcPublished {
  readonly domain: string
  readonly p: string
  readonly sp?: string | undefined
  readonly np?: string | undefined
  readonly adkim?: string | undefined
  readonly aspf?: string | undefined
  readonly fo?: string | undefined
  /** `y` or `n`. */
  readonly testing?: string | undefined
  /** `psl` or `treewalk`. */
  readonly discovery?: string | undefined
}

/** The report. */
export interface DmarcReport {
  readonly organization: string
  readonly email: string
  readonly id: string
  /** Milliseconds since the epoch; the end is the last second of the period. */
  readonly begin: number
  readonly end: number
  readonly generator?: string | undefined
  readonly errors: readonly string[]
  readonly published: DmarcPublished
  readonly records: readonly DmarcRecord[]
}
