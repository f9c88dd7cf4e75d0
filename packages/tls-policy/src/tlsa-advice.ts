/** What TLSA records a host of one's own should have, and whether those in DNS are about the certificate that it has: RFC 7671 §5.1, §8. */
import { createHash, type KeyObject, type X509Certificate } from 'node:crypto'
import { matchDane } from './dane-match.ts'
import { fits, spkiOf, type TlsaAssociation } from './tlsa.ts'

/** A host and what it shows. */
export interface TlsaSubject {
  readonly host: string
  readonly port: number
  /** What the server sends, its own certificate first. */
  readonly chain: readonly [X509Certificate, ...X509Certificate[]]
  /** The key that follows, where it is there already. */
  readonly next?: KeyObject
  /** What DNS says. Undefined: it was not asked, or did not answer. */
  readonly published?: { readonly records: readonly TlsaAssociation[]; readonly isSigned: boolean }
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** What is to be published, and what is. */
export interface TlsaAdvice {
  /** Lines for the zone: the present key, then the next. */
  readonly present: string
  readonly next?: string
  /** What DNS has, and which of it is about what. */
  readonly published: readonly { readonly record: string; readonly is: 'present' | 'next' | 'other' }[]
  /** `agrees`; `differs`: senders that obey DANE bring no mail; `unsigned`: nobody obeys; `none`; `unknown`: DNS does not say. */
  readonly state: 'agrees' | 'differs' | 'unsigned' | 'none' | 'unknown'
  /** Sentences, the most urgent first. */
  readonly advice: readonly string[]
}

/** Compares. */
export function adviseTlsa(subject: TlsaSubject): TlsaAdvice {
  const { host, port, chain, next, published, now } = subject
  const owner = `_${port}._tcp.${host}.`
  const records = published?.records ?? []
  const [certificate] = chain
  const isPresent = (record: TlsaAssociation) =>
    'verified' in matchDane({ chain }, { records: [record], names: [host] }, now)
  const isNext = (record: TlsaAssociation) => next !== undefined && isOfKey(record, next)
  const known = records.map((record) => ({
    record: textOf(record),
    is: isPresent(record) ? ('present' as const) : isNext(record) ? ('next' as const) : ('other' as const),
  }))
  const state = stateOf(subject, known)
  const line = (key: Pick<X509Certificate, 'publicKey'>) => `${owner} IN TLSA 3 1 1 ${digestOf(key)}`
  return {
    present: line(certificate),
    ...(next && { next: line({ publicKey: next }) }),
    published: known,
    state,
    advice: sentences({ subject, state, known }),
  }
}

function stateOf({ chain, host, published, now }: TlsaSubject, known: TlsaAdvice['published']): TlsaAdvice['state'] {
  if (published === undefined) return 'unknown'
  if (known.length === 0) return 'none'
  if (!published.isSigned) return 'unsigned'
  return 'verified' in matchDane({ chain }, { records: published.records, names: [host] }, now) ? 'agrees' : 'differs'
}

function sentences({
  subject: { next },
  state,
  known,
}: {
  readonly subject: TlsaSubject
  readonly state: TlsaAdvice['state']
  readonly known: TlsaAdvice['published']
}): readonly string[] {
  const has = (what: 'present' | 'next' | 'other') => known.some(({ is }) => is === what)
  const said: string[] = []
  if (state === 'differs')
    said.push(
      'No record is about this certificate: who obeys DANE brings no mail to this host. Publish the present one now',
    )
  if (state === 'unsigned') said.push('The records are not signed by DNSSEC: nobody obeys them')
  if (state === 'unsigned' && !has('present')) said.push('None of them is about this certificate, either')
  if (state === 'none')
    said.push('No record is published: there is no DANE for this host, and nothing is wrong with that')
  if (next && known.length > 0 && !has('next'))
    said.push('The next key is not published yet: publish it, and wait for twice the TTL before the server gets it')
  if (next && has('next')) said.push('The next key is published: once the TTL has passed twice the server may get it')
  if (has('other') && has('present'))
    said.push('Records about neither key can be taken away, unless another server of this name has theirs')
  return said
}

function isOfKey({ usage, selector, matching, data }: TlsaAssociation, key: KeyObject): boolean {
  // `as`: of a key only what its selector is about is looked at.
  return (
    usage === 3 && selector === 1 && fits({ usage, selector, matching, data }, { publicKey: key } as X509Certificate)
  )
}

function digestOf(key: Pick<X509Certificate, 'publicKey'>): string {
  return createHash('sha256').update(spkiOf(key)).digest('hex')
}

function textOf({ usage, selector, matching, data }: TlsaAssociation): string {
  return `${usage} ${selector} ${matching} ${Buffer.from(data).toString('hex')}`
}
