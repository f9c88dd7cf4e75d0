/** The `Dns` service in the dress of `dns.resolve(name, type)`, as libraries for mail authentication want it. */
import type { Dns, DnsFailure } from '@postroad/plugin'

/** A resolver in the form of `dns.promises.resolve` (MX: objects, in spite of the type); rejects with the codes of `node:dns`. */
export type NodeResolver = (name: string, type: string) => Promise<string[] | string[][]>

/** Too many lookups for one message: that says nothing of the record, so it must not look like "there is none". */
const CODES: Readonly<Record<DnsFailure, string>> = {
  NXDOMAIN: 'ENOTFOUND',
  NODATA: 'ENODATA',
  SERVFAIL: 'ESERVFAIL',
  TIMEOUT: 'ETIMEOUT',
  REFUSED: 'EREFUSED',
  BUDGET: 'EBUDGET',
}

/** Types: A, AAAA, MX, TXT, PTR (by reverse name) and CNAME (whether there is one; the target is not told). */
export function nodeResolver(dns: Dns, signal?: AbortSignal): NodeResolver {
  return async (name, type) => {
    if (!couldExist(name)) throw failure('EBADNAME', name)
    try {
      return (await query(dns, name, { type, signal })) as string[] | string[][] // `as`: the shape depends on the type of record
    } catch (error) {
      throw failure(CODES[(error as { code?: DnsFailure }).code ?? 'SERVFAIL'] ?? 'ESERVFAIL', name, error) // `as`: the contract of Dns
    }
  }
}

/** Of several TXT records of one name, those first that may be a key, RFC 6376 §3.6.1: the others are somebody's wildcard, and the library reads the first only. */
export function keysFirst(resolver: NodeResolver): NodeResolver {
  return async (name, type) => {
    const records = await resolver(name, type)
    if (type !== 'TXT' || records.length < 2) return records
    return (records as string[][]).toSorted((a, b) => Number(mayBeKey(b)) - Number(mayBeKey(a))) // `as`: what TXT records are
  }
}

function mayBeKey(record: readonly string[]): boolean {
  return /(?:^|;)\s*p\s*=/.test(record.join(''))
}

async function query(
  dns: Dns,
  name: string,
  { type, signal }: { readonly type: string; readonly signal: AbortSignal | undefined },
): Promise<unknown[]> {
  switch (type) {
    case 'A':
      return [...(await dns.a(name, signal)).records]
    case 'AAAA':
      return [...(await dns.aaaa(name, signal)).records]
    case 'TXT':
      return (await dns.txt(name, signal)).records.map((text) => [text])
    case 'MX':
      return (await dns.mx(name, signal)).records.map(({ preference, exchange }) => ({
        priority: preference,
        exchange,
      }))
    case 'PTR':
      return [...(await dns.ptr(addressOf(name), signal)).records]
    case 'CNAME':
      return isAlias(dns, name, signal)
    default:
      throw new TypeError(`no question of type ${type} is foreseen`)
  }
}

/** RFC 6604 §3: an NXDOMAIN may be that of the alias' target; the resolver tells. */
async function isAlias(dns: Dns, name: string, signal: AbortSignal | undefined): Promise<string[]> {
  try {
    await dns.a(name, signal)
    return []
  } catch (error) {
    if ((error as { alias?: boolean }).alias) return ['.'] // `as`: a property the resolver of @postroad/dns adds
    throw error
  }
}

/** RFC 1035 §2.3.4. */
function couldExist(name: string): boolean {
  const plain = name.endsWith('.') ? name.slice(0, -1) : name
  return plain.length <= 253 && plain.split('.').every((label) => label.length > 0 && label.length <= 63)
}

/** From the reverse name back to the address, RFC 1035 §3.5, RFC 3596 §2.5. */
function addressOf(name: string): string {
  const labels = name.split('.').slice(0, -2).reverse()
  return labels.length === 4 ? labels.join('.') : (labels.join('').match(/.{4}/g) ?? []).join(':')
}

/** "There is none" is an everyday answer: no stack is taken of it, which would cost more than the question. */
function failure(code: string, name: string, cause?: unknown): Error {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const error = Object.assign(new Error(`${code} ${name}`, { cause }), { code })
  Error.stackTraceLimit = stackTraceLimit
  return error
}

/** What the promise comes to, or a rejection as soon as the signal aborts; the work itself may go on. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}
