/** What `postroad doctor` asks a plugin: whether what it counts on outside of this process is as it has to be. */

/** What a check has found out of one thing. */
export interface HealthFinding {
  /** `fault`: mail is lost, refused or unsafe because of it; `remark`: it works, and somebody should know. What could not be found out is a remark. */
  readonly state: 'ok' | 'remark' | 'fault'
  /** What it is about: a domain, an address, a file. */
  readonly subject: string
  /** What was seen, in one line. */
  readonly evidence: string
  /** Where it is written that it has to be so: `RFC 7208 §4.6.4`. */
  readonly rfc?: string
  /** What to do, in one line; with `ok` there is none. */
  readonly fix?: string
}

/** A look at the world that changes nothing. */
export interface HealthCheck {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string
  /** What is looked at, one line. */
  readonly summary: string
  /** Resolves to what was found, in any order; what it throws is told as a remark. */
  run(signal: AbortSignal): Promise<readonly HealthFinding[]>
}
