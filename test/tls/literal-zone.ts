/** A cell's DNS as a literal zone: what a resolver that validates would say. */
import { createHash, X509Certificate } from 'node:crypto'
import type { Zone } from '@postroad/dns'
import type { Cell, TlsaState } from './cell.ts'
import { identities } from './certificate.ts'

type ZoneEntry = Exclude<Zone[string], string>
type TlsaRecord = Extract<NonNullable<ZoneEntry['TLSA']>, readonly unknown[]>[number]

/** Where the server of the cell, and a second one, listen. */
export const FIRST = '127.0.0.2'
/** The address of the second host. */
export const SECOND = '127.0.0.3'

/** The zone, for servers on this port. */
export function literalZone({ mx, address, tlsa }: Cell, port: number): Zone {
  const isOwnHost = mx === 'nodata secure' || mx === 'nodata insecure'
  const host = isOwnHost ? 'dane.test' : 'mx.dane.test'
  const zone: Record<string, Zone[string]> = {}
  const place = (name: string, entry: Zone[string] | undefined) => {
    if (entry !== undefined) zone[name] = entry
  }
  place('dane.test', isOwnHost ? undefined : mxEntry(mx))
  for (const [name, entry] of Object.entries(addressEntries(host, address))) place(name, entry)
  if (mx === 'nodata insecure') place(host, { A: [FIRST] })
  const at = (name: string) => `_${port}._tcp.${name}`
  if (isAlias(tlsa)) {
    place(at(host), tlsaEntry(tlsa.begin))
    place(at(END), tlsaEntry(tlsa.end))
  } else place(at(host), tlsaEntry(tlsa))
  if (mx === 'second good' || mx === 'second plain') place('mx2.dane.test', { A: [SECOND], secure: true })
  if (mx === 'second good') place(at('mx2.dane.test'), tlsaEntry(['3 1 1 ee']))
  return zone
}

/** The end of aliases. */
const END = 'host.dane.test'

function mxEntry(mx: Cell['mx']): Zone[string] {
  switch (mx) {
    case 'bogus':
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
      return { MX: [[0, 'mx.dane.test'], [10, 'mx2.dane.test']], secure: true } // biome-ignore format: a table
    default:
      return { MX: [[0, 'mx.dane.test']], secure: mx === 'secure' }
  }
}

function addressEntries(host: string, address: Cell['address']): Readonly<Record<string, Zone[string]>> {
  const A = [FIRST]
  switch (address) {
    case 'secure':
      return { [host]: { A, secure: true } }
    case 'secure, AAAA bogus':
      return { [host]: { A, AAAA: 'SERVFAIL', secure: true } }
    case 'bogus':
    case 'alias bogus':
      return { [host]: 'SERVFAIL' }
    case 'timeout':
      return { [host]: 'TIMEOUT' }
    case 'insecure':
      return { [host]: { A } }
    case 'alias secure':
      return { [host]: { CNAME: END, secure: true }, [END]: { A, secure: true } }
    case 'alias to unsigned':
      return { [host]: { CNAME: END, secure: true }, [END]: { A } }
    case 'alias from unsigned':
      return { [host]: { CNAME: END }, [END]: { A, secure: true } }
  }
}

function isAlias(tlsa: TlsaState): tlsa is Extract<TlsaState, { end: unknown }> {
  return typeof tlsa === 'object' && 'end' in tlsa
}

/** Undefined: the name is not there, and denied as the name above it is signed. */
function tlsaEntry(tlsa: Exclude<TlsaState, { end: unknown }> | 'nodata'): Zone[string] | undefined {
  switch (tlsa) {
    case 'nxdomain secure':
      return undefined
    case 'nodata':
    case 'nodata secure':
      return { TXT: ['there is another record'], secure: true }
    case 'denied insecure':
      return { TXT: ['there is another record'] }
    case 'servfail':
      return 'SERVFAIL'
    case 'timeout':
      return 'TIMEOUT'
    case 'refused':
      return 'REFUSED'
    default:
      return 'insecure' in tlsa ? { TLSA: tlsa.insecure.map(recordOf) } : { TLSA: tlsa.map(recordOf), secure: true }
  }
}

/** `3 1 1 ee/31` as octets. */
export function recordOf(text: string): TlsaRecord {
  const [usage = '', selector = '', matching = '', what = ''] = text.split(' ')
  const [name = '', octets] = what.split('/')
  const data = dataOf(name, Number(selector), Number(matching))
  return {
    usage: Number(usage),
    selector: Number(selector),
    matching: Number(matching),
    data: octets === undefined ? data : Buffer.concat([data, data]).subarray(0, Number(octets)),
  }
}

function dataOf(name: string, selector: number, matching: number): Buffer {
  const selected = name === 'wrong' ? Buffer.alloc(0) : selectedOf(name, selector)
  if (matching === 0) return selected
  return createHash(matching === 2 ? 'sha512' : 'sha256')
    .update(selected)
    .digest()
}

function selectedOf(name: string, selector: number): Buffer {
  const identity = Object.entries(identities).find(([key]) => key === name)?.[1]
  if (identity === undefined) throw new TypeError(`there is no certificate "${name}"`)
  const certificate = new X509Certificate(identity.cert)
  return selector === 1 ? certificate.publicKey.export({ type: 'spki', format: 'der' }) : certificate.raw
}
