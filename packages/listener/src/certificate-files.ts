/** Certificates in files, and what happens when those change: they do, every few weeks, and nobody restarts a mail server for it. */
import { readFile, stat } from 'node:fs/promises'
import type { Certificate } from './tls.ts'

/** Where a {@link Certificate} lies. */
export interface CertificateFiles {
  readonly key: string
  readonly cert: string
  readonly ca?: string
  readonly servernames?: readonly string[]
}

/** How {@link watchCertificates} looks, and whom it tells. */
export interface CertificateWatchOptions {
  /** Milliseconds between two looks; default 60,000. */
  readonly intervalMs?: number
  /** New certificates are there. What it throws goes to `onError`, and is tried again at the next look. */
  readonly onChange: (certificates: readonly Certificate[]) => void
  readonly onError: (error: unknown) => void
}

/**
 * Reads certificates from files.
 *
 * @throws when a file cannot be read
 */
export async function loadCertificates(files: readonly CertificateFiles[]): Promise<Certificate[]> {
  return Promise.all(
    files.map(async ({ key, cert, ca, servernames }) => {
      const [keyText, certText, caText] = await Promise.all([
        readFile(key),
        readFile(cert),
        ca === undefined ? undefined : readFile(ca),
      ])
      return { key: keyText, cert: certText, ...(caText && { ca: caText }), ...(servernames && { servernames }) }
    }),
  )
}

/**
 * Looks at the files every now and then, through links as ACME clients leave them, and tells when they have changed. It does not keep the process
 * alive. A key that does not fit its certificate, as while both are being written, changes nothing.
 *
 * @example const watch = watchCertificates(files, { onChange: (certificates) => listener.setCertificate(certificates), onError })
 */
export function watchCertificates(
  files: readonly CertificateFiles[],
  options: CertificateWatchOptions,
): { check(): Promise<void>; close(): void } {
  const { intervalMs = 60_000, onChange, onError } = options
  let seen: string | undefined
  const check = async (): Promise<void> => {
    try {
      const marks = await marksOf(files)
      if (seen !== undefined && marks !== seen) onChange(await loadCertificates(files))
      seen = marks
    } catch (error) {
      onError(error)
    }
  }
  const timer = setInterval(() => void check(), intervalMs).unref()
  void check()
  return { check, close: () => clearInterval(timer) }
}

/** Something that is another when a file is another. */
async function marksOf(files: readonly CertificateFiles[]): Promise<string> {
  const paths = files.flatMap(({ key, cert, ca }) => [key, cert, ...(ca === undefined ? [] : [ca])])
  const stats = await Promise.all(paths.map((path) => stat(path)))
  return stats.map(({ ino, mtimeMs, size }) => `${ino}/${mtimeMs}/${size}`).join()
}
