/** A mailbox as it stands in an envelope, RFC 5321 §4.1.2 and RFC 6531 §3.3. */
export interface Address {
  /** Case preserved, quotes removed. Only the final host may interpret it, RFC 5321 §2.3.11. */
  readonly local: string
  /** Lower-case, A-labels (RFC 5890 §2.3.2.1), or an address literal in brackets; empty for the bare `postmaster`. */
  readonly domain: string
  /** True when the local part has characters outside ASCII: only an SMTPUTF8 next hop can take it. */
  readonly isInternational: boolean
  /** The forward-path without angle brackets, quoted where it must be: `"a b"@example.com`. */
  toString(): string
}
