/** Documents of Office before 2007, and those that are encrypted, in OLE files (MS-CFB), as cfb reads them. */
import { createRequire } from 'node:module'
import type { Inspector } from './inspector.ts'

/** What we use of cfb. */
interface Cfb {
  read(octets: Uint8Array, options: { readonly type: 'buffer' }): { readonly FullPaths: readonly string[] }
}

const cfb = createRequire(import.meta.url)('cfb') as Cfb // as: it has no types for this way

/** Looks for macros, objects and encryption by the names of its streams. */
export function inspectOle(octets: Buffer, name: string, inspector: Inspector): void {
  const { FullPaths: paths } = cfb.read(octets, { type: 'buffer' })
  const found = new Set<string>()
  const note = (signal: Parameters<Inspector['add']>[0], evidence: string): void => {
    if (found.has(signal)) return
    found.add(signal)
    inspector.add(signal, `${name}: ${evidence}`)
  }
  for (const path of paths.slice(0, 10_000)) {
    if (/\/(?:_VBA_PROJECT(?:_CUR)?|VBA)(?:\/|$)/i.test(path)) note('macro', 'VBA')
    else if (/\/EncryptedPackage$/i.test(path)) note('encrypted', 'EncryptedPackage')
    else if (/\x01Ole10Native$|\/Ole10Native$/i.test(path)) note('object', 'Ole10Native')
  }
}
