/** The content of an Authentication-Results field, RFC 8601 §2.2. */

/** A property of a result: `smtp.mailfrom=example.com`. */
export interface Property {
  /** `smtp`, `header`, `body`, `policy`; empty for a word of others that has none, as Microsoft's `action=none`. */
  readonly type: string
  readonly name: string
  /** Without quotes. */
  readonly value: string
}

/** What one method says. */
export interface MethodResult {
  /** `spf`, `dkim`, `dmarc`, `arc`, `auth`, … lower-case. */
  readonly method: string
  /** Lower-case keyword. */
  readonly result: string
  readonly reason?: string
  /** For humans; the texts of its comments, without parentheses. */
  readonly comment?: string
  readonly properties: readonly Property[]
}

/** A whole Authentication-Results field. */
export interface AuthResults {
  /** Who says so, RFC 8601 §2.5. */
  readonly authservId: string
  /** Empty: no authentication was done, `none`. */
  readonly results: readonly MethodResult[]
}
