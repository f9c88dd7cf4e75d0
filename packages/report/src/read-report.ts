/** Reads a report of either kind, packed or not. */
import type { DmarcReport } from './dmarc/model.ts'
import { readDmarcReport } from './dmarc/read.ts'
import { readTlsReport } from './tls/json.ts'
import type { TlsReport } from './tls/model.ts'
import { unpack } from './unpack.ts'

/** What a file turned out to be. */
export type ReadReport =
  | { readonly kind: 'dmarc'; readonly report: DmarcReport }
  | { readonly kind: 'tls'; readonly report: TlsReport }
  | { readonly kind: 'none'; readonly mistake: string }

/** Reads a file: XML or JSON, as it is or in gzip or zip. Does not reject. */
export async function readReport(file: Uint8Array): Promise<ReadReport> {
  let text: string
  try {
    text = decode(await unpack(file))
  } catch (error) {
    return { kind: 'none', mistake: error instanceof Error ? error.message : 'it could not be unpacked' }
  }
  const isJson = /^\s*[{[]/.test(text.slice(0, 1_000))
  const read = isJson ? readTlsReport(text) : readDmarcReport(text)
  if ('mistake' in read) return { kind: 'none', mistake: read.mistake }
  return 'policies' in read ? { kind: 'tls', report: read } : { kind: 'dmarc', report: read }
}

/** Some write UTF-16, and some a byte order mark. */
function decode(octets: Uint8Array): string {
  const [first, second] = octets
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(octets)
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(octets)
  return new TextDecoder().decode(octets)
}
