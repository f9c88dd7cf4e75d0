/** DNS messages, RFC 1035 §4, by the npm package dns-packet; here only what they mean to a mail server. */
import { randomInt } from 'node:crypto'
import {
  type Answer,
  AUTHENTIC_DATA,
  type DecodedPacket,
  DNSSEC_OK,
  decode,
  encode,
  RECURSION_DESIRED,
} from 'dns-packet'
import type { Records, RecordType } from './asker.ts'

/** One question on its way. */
export interface Query {
  readonly id: number
  readonly type: RecordType
  readonly name: string
  readonly bytes: Uint8Array
}

/** What a resolver said, as far as it can be cached. */
export interface DnsReply {
  readonly code: string
  readonly truncated: boolean
  readonly secure: boolean
  readonly records: readonly Records[RecordType][]
  /** Seconds; for a reply without records the negative TTL of RFC 2308 §5, `undefined` when there is no SOA. */
  readonly ttl: number | undefined
  /** The name asked is an alias. */
  readonly alias: boolean
  /** The end of the chain of aliases, lower-case; the name asked when it is none. */
  readonly canonical: string
}

/** RFC 9715 §3.1: small enough not to be fragmented. */
const UDP_PAYLOAD = 1232

const MAX_ALIASES = 16

/** A query with a random id (RFC 5452 §9.2), recursion desired, AD (RFC 6840 §5.7) and EDNS0 with DO (RFC 3225 §3). */
export function makeQuery(type: RecordType, name: string): Query {
  const id = randomInt(0x1_0000)
  const bytes = encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ type, name, class: 'IN' }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_PAYLOAD,
        flags: DNSSEC_OK,
        ednsVersion: 0,
        extendedRcode: 0,
        flag_do: true,
        options: [],
      },
    ],
  })
  return { id, type, name, bytes }
}

/** The reply to the query, or `undefined` when the octets are not one: another id or question, a query, or garbage (RFC 5452 §9.1). */
export function readReply(query: Query, bytes: Uint8Array): DnsReply | undefined {
  let packet: DecodedPacket & { readonly rcode?: string }
  try {
    packet = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch {
    // A truncated reply may end in the middle of a record; what matters is that it says so.
    return isTruncated(query, bytes) ? { ...TRUNCATED, canonical: query.name } : undefined
  }
  const question = packet.questions?.[0]
  if (packet.type !== 'response' || packet.id !== query.id || packet.questions?.length !== 1) return undefined
  if (question?.type !== query.type || question.name.toLowerCase() !== query.name) return undefined
  const {
    owner,
    ttl: aliasTtl,
    alias,
  } = query.type === 'CNAME' ? itself(query.name) : followAliases(query.name, packet.answers ?? [])
  const matching = (packet.answers ?? []).filter((answer) => answer.type === query.type && sameName(answer.name, owner))
  const records = matching.flatMap((answer) => toRecord(query.type, answer) ?? [])
  const ttl = records.length > 0 ? Math.min(aliasTtl, ...matching.map(ttlOf)) : negativeTtl(packet, aliasTtl)
  return {
    code: packet.rcode ?? 'NOERROR',
    truncated: packet.flag_tc,
    secure: packet.flag_ad,
    records,
    ttl,
    alias,
    canonical: owner,
  }
}

const TRUNCATED: DnsReply = {
  code: 'NOERROR',
  truncated: true,
  secure: false,
  records: [],
  ttl: 0,
  alias: false,
  canonical: '',
}

/** RFC 1035 §4.1.1: id in octets 0 and 1, QR the top bit of octet 2, TC its second lowest. */
function isTruncated(query: Query, bytes: Uint8Array): boolean {
  const [high = 0, low = 0, flags = 0] = bytes
  return bytes.length >= 12 && high * 256 + low === query.id && (flags & 0x82) === 0x82
}

interface Owner {
  readonly owner: string
  /** Seconds the aliases may be kept. */
  readonly ttl: number
  readonly alias: boolean
}

/** RFC 1034 §3.6.2: who asks for the alias is not led on by it. */
function itself(name: string): Owner {
  return { owner: name, ttl: Number.POSITIVE_INFINITY, alias: false }
}

/** RFC 1034 §3.6.2: a resolver puts the whole chain of aliases into its answer. */
function followAliases(name: string, answers: readonly Answer[]): Owner {
  let owner = name
  let ttl = Number.POSITIVE_INFINITY
  for (let i = 0; i < MAX_ALIASES; i++) {
    const alias = answers.find((answer) => answer.type === 'CNAME' && sameName(answer.name, owner))
    if (alias === undefined || alias.type !== 'CNAME') break
    owner = alias.data.toLowerCase()
    ttl = Math.min(ttl, ttlOf(alias))
  }
  return { owner, ttl, alias: ttl !== Number.POSITIVE_INFINITY }
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b
}

/** RFC 2181 §8: a TTL with the top bit set counts as zero. */
function ttlOf(answer: Answer): number {
  const ttl = 'ttl' in answer ? (answer.ttl ?? 0) : 0
  return ttl > 0x7fff_ffff ? 0 : ttl
}

/** RFC 2308 §5: the lesser of the SOA's own TTL and its MINIMUM field. */
function negativeTtl(packet: DecodedPacket, aliasTtl: number): number | undefined {
  const soa = packet.authorities?.find((answer) => answer.type === 'SOA')
  if (soa?.type !== 'SOA') return undefined
  return Math.min(aliasTtl, ttlOf(soa), soa.data.minimum ?? 0)
}

function toRecord(type: RecordType, answer: Answer): Records[RecordType] | undefined {
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return answer.data
    case 'PTR':
    case 'CNAME':
      return withoutRoot(answer.data)
    case 'MX':
      return { preference: answer.data.preference ?? 0, exchange: withoutRoot(answer.data.exchange) }
    case 'TXT':
      return textOf(answer.data)
    case 'TLSA':
      return {
        usage: answer.data.usage,
        selector: answer.data.selector,
        matching: answer.data.matchingType,
        data: answer.data.certificate,
      }
    default:
      throw new TypeError(`dns: no record of type ${type} expected`)
  }
}

/** A name as in node:dns: the root of a null MX is empty. */
function withoutRoot(name: string): string {
  return name === '.' ? '' : name
}

function textOf(data: string | Buffer | readonly (string | Buffer)[]): string {
  if (typeof data === 'string') return data
  if (Buffer.isBuffer(data)) return data.toString()
  // One character may be cut in two by the limit of 255 octets: join first, decode then.
  return Buffer.concat((data as readonly (string | Buffer)[]).map((part) => Buffer.from(part as string))).toString() // `as`: Array.isArray does not narrow readonly arrays
}
