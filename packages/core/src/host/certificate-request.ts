/** Until when certificates of listeners are good, for whoever counts in this process: over `node:diagnostics_channel`, so that neither side has to know the other. */
import { X509Certificate } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFile } from 'node:fs/promises'

/** What a counter publishes on the channel `postroad:certificates`; listeners answer at once, with a promise. */
interface CertificateRequest {
  /** `notAfter` is in milliseconds since the epoch: the earliest end of those that the listener has in files. */
  add(listener: string, notAfter: Promise<number>): void
}

/** Answers for a listener until it is told to stop. */
export function answerCertificates(listener: string, files: readonly { readonly cert: string }[]): { stop(): void } {
  const answer = (request: unknown): void => (request as CertificateRequest).add(listener, earliestEnd(files)) // the channel's own message
  subscribe('postroad:certificates', answer)
  return { stop: () => unsubscribe('postroad:certificates', answer) }
}

async function earliestEnd(files: readonly { readonly cert: string }[]): Promise<number> {
  const ends = await Promise.all(
    files.map(async ({ cert }) => Date.parse(new X509Certificate(await readFile(cert, 'utf8')).validTo)),
  )
  return Math.min(...ends)
}
