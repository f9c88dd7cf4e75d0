/** A cell's DNS as a literal zone: what a resolver that validates would say. */
import type { Zone } from '@postroad/dns'
import type { Cell } from './cell.ts'
import { END, endOf, FIRST, hostOf, isAlias, isPair, isUnsigned, type One, SECOND, TLSA_END } from './place.ts'
import { recordOf } from './tlsa-record.ts'

/** The zone, for servers on this port. */
export function literalZone({ mx, address, tlsa }: Cell, port: number): Zone {
  const host = hostOf({ mx, address })
  const zone: Record<string, Zone[string]> = {}
  const place = (name: string, entry: Zone[string] | undefined) => {
    if (entry !== undefined) zone[name] = entry
  }
  place('dane.test', host === 'dane.test' ? undefined : mxEntry(mx, host))
  if (mx === 'alias secure') place('alias.dane.test', { CNAME: 'dane.test', secure: true })
  if (mx === 'alias from unsigned') place('alias.plain.test', { CNAME: 'dane.test' })
  for (const [name, entry] of Object.entries(addressEntries(host, address))) place(name, entry)
  if (mx === 'nodata insecure') place(host, { A: [FIRST] })
  const at = (name: string) => `_${port}._tcp.${name}`
  if (isPair(tlsa)) {
    place(at(host), tlsaEntry(endOf(tlsa.begin)))
    place(at(END), tlsaEntry(endOf(tlsa.end)))
  } else if (isAlias(tlsa)) {
    place(at(host), tlsa.alias === 'bogus' ? 'SERVFAIL' : { CNAME: TLSA_END, secure: true })
    place(TLSA_END, { TLSA: tlsa.records.map(recordOf), secure: tlsa.alias === 'secure' })
  } else place(at(host), tlsaEntry(tlsa))
  if (mx === 'second good' || mx === 'second plain') place('mx2.dane.test', { A: [SECOND], secure: true })
  if (mx === 'second good') place(at('mx2.dane.test'), tlsaEntry(['3 1 1 ee']))
  return zone
}

function mxEntry(mx: Cell['mx'], host: string): Zone[string] {
  switch (mx) {
    case 'bogus':
    case 'expired':
    case 'premature':
    case 'stripped':
    case 'wrong DS':
    case 'denial stripped':
      return { MX: 'SERVFAIL', secure: true }
    case 'timeout':
      return { MX: 'TIMEOUT', secure: true }
    case 'refused':
      return { MX: 'REFUSED', secure: true }
    case 'nxdomain':
      return 'NXDOMAIN'
    case 'null secure':
      return { MX: [[0, '']], secure: true }
    case 'second good':
    case 'second plain':
      return { MX: [[0, host], [10, 'mx2.dane.test']], secure: true } // biome-ignore format: a table
    default:
      return { MX: [[0, host]], secure: !isUnsigned(mx) }
  }
}

function addressEntries(host: string, address: Cell['address']): Readonly<Record<string, Zone[string]>> {
  const A = [FIRST]
  switch (address) {
    case 'secure':
      return { [host]: { A, secure: true } }
    case 'secure, AAAA bogus':
      return { [host]: { A, AAAA: 'SERVFAIL', secure: true } }
    case 'nodata secure':
      return { [host]: { TXT: ['there is another record'], secure: true } }
    case 'timeout':
      return { [host]: 'TIMEOUT' }
    case 'insecure':
    case 'opted out':
    case 'unknown algorithm':
      return { [host]: { A } }
    case 'alias secure':
      return { [host]: { CNAME: END, secure: true }, [END]: { A, secure: true } }
    case 'alias to unsigned':
      return { [host]: { CNAME: END, secure: true }, [END]: { A } }
    case 'alias from unsigned':
      return { [host]: { CNAME: END }, [END]: { A, secure: true } }
    default:
      return { [host]: 'SERVFAIL' }
  }
}

/** Undefined: the name is not there, and denied as the name above it is signed. */
function tlsaEntry(tlsa: One): Zone[string] | undefined {
  switch (tlsa) {
    case 'nxdomain secure':
      return undefined
    case 'nodata secure':
      return { TXT: ['there is another record'], secure: true }
    case 'denied insecure':
      return { TXT: ['there is another record'] }
    case 'timeout':
      return 'TIMEOUT'
    case 'refused':
      return 'REFUSED'
    default:
      if (typeof tlsa === 'string') return 'SERVFAIL'
      if ('insecure' in tlsa) return { TLSA: tlsa.insecure.map(recordOf) }
      return { TLSA: ('wildcard' in tlsa ? tlsa.wildcard : tlsa).map(recordOf), secure: true }
  }
}
