/** A literal zone over UDP, for commands that are processes of their own: what a resolver that validates would say, AD bit and all. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type RecordType, type Zone, zoneDns } from '@postroad/dns'
import { type Answer, AUTHENTIC_DATA, decode, encode, RECURSION_AVAILABLE, RECURSION_DESIRED } from 'dns-packet'

/** A server that runs until it is disposed of. */
interface LiteralServer extends AsyncDisposable {
  /** For `dns.servers`. */
  readonly place: string
}

const RCODES: ReadonlyMap<string, number> = new Map([
  ['NODATA', 0],
  ['NXDOMAIN', 3],
  ['REFUSED', 5],
])
const SERVFAIL = 2
const TYPES: ReadonlySet<string> = new Set(['A', 'AAAA', 'MX', 'TXT', 'TLSA', 'CNAME', 'PTR'])

/** Serves it on the loopback. */
export async function serveLiteral(zone: Zone): Promise<LiteralServer> {
  const dns = zoneDns(zone)
  const socket = createSocket('udp4')
  socket.on('message', async (request, from) => {
    const { id = 0, questions = [] } = decode(request)
    const [question] = questions
    const { type = 'A', name = '' } = question ?? {}
    const { answers, secure, rcode } = await answer(dns, type, name)
    const flags = RECURSION_DESIRED | RECURSION_AVAILABLE | (secure ? AUTHENTIC_DATA : 0) | rcode
    socket.send(encode({ type: 'response', id, flags, questions, answers: [...answers] }), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    place: `127.0.0.1:${socket.address().port}`,
    async [Symbol.asyncDispose]() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

interface Said {
  readonly answers: readonly Answer[]
  readonly secure: boolean
  readonly rcode: number
}

async function answer(dns: ReturnType<typeof zoneDns>, type: string, name: string): Promise<Said> {
  if (!TYPES.has(type)) return { answers: [], secure: false, rcode: 0 }
  try {
    const { records, secure, ttl, canonical } = await dns.ask(type as RecordType, name) // `as`: it is in the set
    const answers = records.map((record) => ({ type, name: canonical, ttl, class: 'IN', data: dataOf(type, record) }))
    return { answers: answers as unknown as readonly Answer[], secure, rcode: 0 } // `as`: dataOf fits the type
  } catch (error) {
    const { code, secure = false } = error as { readonly code: string; readonly secure?: boolean } // a DnsError
    return { answers: [], secure, rcode: RCODES.get(code) ?? SERVFAIL }
  }
}

/** As dns-packet wants it. */
function dataOf(type: string, record: unknown): unknown {
  if (type !== 'TLSA') return record
  const { usage, selector, matching, data } = record as {
    usage: number
    selector: number
    matching: number
    data: Uint8Array
  } // a TLSA record
  return { usage, selector, matchingType: matching, certificate: Buffer.from(data) }
}
