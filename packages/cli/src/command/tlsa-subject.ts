/** The certificates of this server that senders see, and what DNS says of them: for `tls tlsa` and for `check`. */
import type { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Server } from '@postroad/core'
import { type Dns, textOf } from '@postroad/plugin'
import type { adviseTlsa } from '@postroad/tls-policy'
import { UsageError } from '../config/usage-error.ts'
import { certificatesOf } from './pem.ts'

/** A certificate of this server, and the names under which it is looked for. */
export interface CertificateSubject {
  readonly file: string
  readonly listeners: readonly string[]
  readonly hosts: readonly string[]
  readonly chain: readonly [X509Certificate, ...X509Certificate[]]
}

type Published = NonNullable<Parameters<typeof adviseTlsa>[0]['published']>

/** The certificates that SMTP listeners have in files. `isMeant`: of which listeners. @throws {UsageError} when one cannot be read */
export async function subjectsIn(
  server: Server,
  {
    hosts,
    isMeant = () => true,
  }: { readonly hosts: readonly string[]; isMeant?(listener: { readonly place: string }): boolean },
): Promise<readonly CertificateSubject[]> {
  const files = new Map<string, string[]>()
  for (const listener of server.explain().flatMap((scope) => scope.listeners))
    for (const { cert } of listener.protocol === 'smtp' && isMeant(listener) ? listener.certificateFiles : [])
      files.set(cert, [...(files.get(cert) ?? []), listener.name])
  const subjects: CertificateSubject[] = []
  for (const [file, listeners] of files) subjects.push(await subjectOf(file, { hosts, listeners }))
  return subjects
}

/** A certificate in a file, with its chain. @throws {UsageError} when there is none, or it names no host */
export async function subjectOf(
  file: string,
  { hosts, listeners }: { readonly hosts: readonly string[] | undefined; readonly listeners: readonly string[] },
): Promise<CertificateSubject> {
  let chain: readonly X509Certificate[]
  try {
    chain = certificatesOf(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new UsageError(`The certificate ${file} cannot be read: ${textOf(cause)}`, { cause })
  }
  const [certificate, ...rest] = chain
  if (!certificate)
    throw new UsageError(`There is no certificate in ${file}: PEM begins with -----BEGIN CERTIFICATE-----`)
  const named = hosts ?? namesIn(certificate)
  if (named.length === 0) throw new UsageError(`There is no name of a host in ${file}: say it with --host`)
  return {
    file,
    listeners,
    hosts: named.map((name) => name.toLowerCase().replace(/\.$/, '')),
    chain: [certificate, ...rest],
  }
}

/** RFC 9525 §2: the alternative names; a wildcard is no host. */
function namesIn({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName.split(', ').flatMap((name) => (/^DNS:[^*"]+$/.test(name) ? [name.slice(4)] : []))
}

/** What DNS has at a name. Does not reject. */
export async function publishedAt(
  name: string,
  dns: Pick<Dns, 'tlsa'>,
  signal?: AbortSignal,
): Promise<Published | { readonly failure: string }> {
  try {
    const { records, secure } = await dns.tlsa(name, signal)
    return { records, isSigned: secure }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : textOf(error)
    return code === 'NODATA' || code === 'NXDOMAIN' ? { records: [], isSigned: false } : { failure: code }
  }
}
