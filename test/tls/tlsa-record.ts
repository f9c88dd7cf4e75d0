/** TLSA records of the matrix as octets. */
import { createHash, X509Certificate } from 'node:crypto'
import { identities } from './certificate.ts'

/** A record, RFC 6698 §2.1. */
export interface MatrixRecord {
  readonly usage: number
  readonly selector: number
  readonly matching: number
  readonly data: Buffer
}

/** `3 1 1 ee/31` as octets. */
export function recordOf(text: string): MatrixRecord {
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
  // Digests of nothing that differ from each other: in DNS a set of records has each of them once.
  const selected = name.startsWith('wrong') ? Buffer.from(name.slice('wrong'.length)) : selectedOf(name, selector)
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
