/** What a server said it can do, RFC 5321 §4.1.1.1. */

/** Keywords of an EHLO reply that change what we send. */
export interface Extensions {
  /** RFC 2920. */
  readonly pipelining: boolean
  /** RFC 3030. */
  readonly chunking: boolean
  /** RFC 6152. */
  readonly eightBitMime: boolean
  /** RFC 6531. */
  readonly smtputf8: boolean
  /** RFC 3461. */
  readonly dsn: boolean
  /** RFC 8689. */
  readonly requireTls: boolean
  /** RFC 1870: the limit in octets, 0 for "no limit said"; `undefined`: not offered. */
  readonly size: number | undefined
  /** RFC 4954: mechanisms, upper-case. */
  readonly auth: ReadonlySet<string>
  /** RFC 9422 RCPTMAX: recipients a transaction may have. */
  readonly maxRecipients: number | undefined
  /** RFC 9422 MAILMAX: transactions a connection may have. */
  readonly maxTransactions: number | undefined
}

/** Reads the lines of an EHLO reply, without codes and without the first line (the greeting). Unknown keywords are ignored. */
export function parseExtensions(lines: readonly string[]): Extensions {
  const keywords = new Map<string, string>()
  for (const line of lines.slice(0, 100)) {
    // "AUTH=LOGIN" is an old form that some servers still send beside "AUTH LOGIN".
    const end = line.search(/[ =]/)
    const keyword = (end < 0 ? line : line.slice(0, end)).toUpperCase()
    const value = end < 0 ? '' : line.slice(end + 1).trim()
    const before = keywords.get(keyword)
    keywords.set(keyword, before === undefined ? value : `${before} ${value}`)
  }
  const limits = keywords.get('LIMITS') ?? ''
  return {
    pipelining: keywords.has('PIPELINING'),
    chunking: keywords.has('CHUNKING'),
    eightBitMime: keywords.has('8BITMIME'),
    smtputf8: keywords.has('SMTPUTF8'),
    dsn: keywords.has('DSN'),
    requireTls: keywords.has('REQUIRETLS'),
    size: keywords.has('SIZE') ? (readNumber(keywords.get('SIZE') ?? '') ?? 0) : undefined,
    auth: new Set((keywords.get('AUTH') ?? '').toUpperCase().split(/[ =]+/).filter(Boolean)),
    maxRecipients: readLimit(limits, 'RCPTMAX'),
    maxTransactions: readLimit(limits, 'MAILMAX'),
  }
}

function readNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function readLimit(limits: string, name: string): number | undefined {
  for (const limit of limits.toUpperCase().split(' ')) {
    if (limit.startsWith(`${name}=`)) return readNumber(limit.slice(name.length + 1)) || undefined
  }
  return undefined
}
