/** Files of certificates, read when a source is opened; a reload reads them again. */
import { readFile } from 'node:fs/promises'
import type { TlsFiles } from './from.ts'
import type { SourceDeps } from './source.ts'

/** Options of `node:tls`: a server that does not prove itself is never talked to. */
export interface TlsSettings {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
  readonly servername?: string
  readonly rejectUnauthorized: true
}

/** @throws {Error} when one of the files cannot be read */
export async function tlsOf(
  files: TlsFiles | undefined,
  { resolve }: Pick<SourceDeps, 'resolve'>,
): Promise<TlsSettings> {
  const { ca, cert, key, servername } = files ?? {}
  return {
    ...(ca !== undefined && { ca: await readFile(resolve(ca)) }),
    ...(cert !== undefined && { cert: await readFile(resolve(cert)) }),
    ...(key !== undefined && { key: await readFile(resolve(key)) }),
    ...(servername !== undefined && { servername }),
    rejectUnauthorized: true,
  }
}
