/** What `check` says of TLSA records: that they are not about the certificate on disk is what brings mail to a halt, and nobody here sees it. */
import type { Server } from '@postroad/core'
import type { Dns } from '@postroad/plugin'
import { adviseTlsa } from '@postroad/tls-policy'
import { type CertificateSubject, publishedAt, subjectsIn } from './tlsa-subject.ts'

/** Milliseconds for all questions: a check is to say something also where there is no network. */
const PATIENCE_MS = 5_000
/** Ports on which no mail server brings mail. */
const SUBMISSION = /:(?:465|587)$/

/** A sentence, and the scope whose listener it is about. */
interface TlsaWarning {
  readonly scope: string
  readonly message: string
}

/** What is to be said of records that do not agree with the certificates. Does not reject: where DNS does not answer there is nothing to say. */
export async function tlsaWarnings(server: Server, dns: Pick<Dns, 'tlsa'>): Promise<readonly TlsaWarning[]> {
  const host = server.hostname.toLowerCase()
  let subjects: readonly CertificateSubject[]
  try {
    subjects = await subjectsIn(server, { hosts: [host], isMeant: ({ place }) => !SUBMISSION.test(place) })
  } catch {
    return [] // a certificate that cannot be read is a mistake, and said as one
  }
  if (subjects.length === 0 || !host.includes('.')) return []
  const published = await publishedAt(`_25._tcp.${host}`, dns, AbortSignal.timeout(PATIENCE_MS))
  if ('failure' in published) return []
  return subjects.flatMap(({ file, chain, listeners }) => {
    const { state, advice } = adviseTlsa({ host, port: 25, chain, published, now: Date.now() })
    if (state !== 'differs' && !(state === 'unsigned' && advice.length > 1)) return []
    const of = `the TLSA records of _25._tcp.${host} and ${file} (${listeners.join(', ')})`
    const scope = server.explain().find((one) => one.listeners.some(({ name }) => listeners.includes(name)))
    const message = `${of} do not agree: ${advice.join('. ')}. See: postroad tls tlsa`
    return [{ scope: scope?.name ?? '', message }]
  })
}
