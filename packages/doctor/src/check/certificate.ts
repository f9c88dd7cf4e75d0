/** Certificates that our listeners show. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { HealthFinding } from '@postroad/plugin'
import type { Check, DoctorContext, ShownCertificate } from '../check.ts'
import { fault, ok, remark } from '../finding.ts'
import type { World } from '../world.ts'

/** Days, name, chain and strength. */
export const certificate: Check = {
  name: 'certificate',
  group: 'local',
  summary: 'Certificates are of the host name, have their chain and days left, and strong keys that only we can read.',
  rfc: 'RFC 9325 §3, §4',
  run: async (context) => (await Promise.all(context.certificates.map((files) => ofFiles(files, context)))).flat(),
}

const DAY = 86_400_000
/** Days: an ACME client renews thirty days before, so that something is wrong with it after these. */
const SOON = 14
const URGENT = 3

/** The certificates of a PEM text, in their order. @throws when one cannot be read */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}

async function ofFiles(files: ShownCertificate, context: DoctorContext): Promise<readonly HealthFinding[]> {
  const { cert, key } = files
  const { world } = context
  let chain: readonly X509Certificate[]
  let own: KeyObject
  try {
    chain = certificatesOf(await world.read(cert))
    own = createPrivateKey(await world.read(key))
  } catch (error) {
    return [
      fault(cert, `it cannot be read: ${error instanceof Error ? error.message : error}`, {
        fix: 'Name PEM files that the user of the server may read, without a passphrase.',
      }),
    ]
  }
  const [first] = chain
  if (first === undefined)
    return [fault(cert, 'no certificate in it', { fix: 'PEM begins with -----BEGIN CERTIFICATE-----.' })]
  const said = [
    ...(first.checkPrivateKey(own)
      ? []
      : [fault(cert, `the key ${key} is not of this certificate`, { fix: 'Name the key that it was issued for.' })]),
    ...ofDays(cert, first, context.now()),
    ...ofName(cert, first, files, context),
    ...ofChain(cert, chain, world),
    ...ofStrength(cert, first),
    ...(await ofRights(key, context)),
  ]
  return said.length > 0 ? said : [ok(cert, `${first.subjectAltName ?? first.subject}, until ${dayOf(first)}`)]
}

function dayOf({ validTo }: X509Certificate): string {
  return new Date(validTo).toISOString().slice(0, 10)
}

function ofDays(file: string, certificate: X509Certificate, now: number): HealthFinding[] {
  const fix = 'Renew it, and look why what renews it has not: `systemctl status certbot.timer`, for one.'
  const rfc = 'RFC 5280 §4.1.2.5'
  const begins = Date.parse(certificate.validFrom)
  if (begins > now)
    return [
      fault(file, `not valid before ${new Date(begins).toISOString().slice(0, 16)}`, {
        rfc,
        fix: 'Look at the clock, or wait.',
      }),
    ]
  const days = Math.floor((Date.parse(certificate.validTo) - now) / DAY)
  if (days < 0) return [fault(file, `expired on ${dayOf(certificate)}`, { rfc, fix })]
  if (days < URGENT) return [fault(file, `${days} days left, until ${dayOf(certificate)}`, { rfc, fix })]
  if (days < SOON) return [remark(file, `${days} days left, until ${dayOf(certificate)}`, { rfc, fix })]
  return []
}

function ofName(
  file: string,
  certificate: X509Certificate,
  { isPublic }: ShownCertificate,
  { hostname }: DoctorContext,
): HealthFinding[] {
  if (certificate.checkHost(hostname, { subject: 'never' }) !== undefined) return []
  const names = certificate.subjectAltName ?? '(no alternative name)'
  const fix = `Have one issued for ${hostname}.`
  // Users' programs check the name. Servers of strangers do where DANE-TA or MTA-STS says so.
  return [(isPublic ? remark : fault)(file, `of ${names}, and not of ${hostname}`, { rfc: 'RFC 9525 §6', fix })]
}

function ofChain(file: string, chain: readonly X509Certificate[], world: World): HealthFinding[] {
  const [first] = chain
  if (first === undefined) return []
  const rfc = 'RFC 8446 §4.4.2'
  for (const [index, one] of chain.entries()) {
    const issuer = chain[index + 1]
    if (issuer !== undefined && !(one.checkIssued(issuer) && one.verify(issuer.publicKey)))
      return [
        fault(file, `certificate ${index + 2} in it has not issued certificate ${index + 1}`, {
          rfc,
          fix: 'Put the certificates one after the other as they were issued: fullchain.pem.',
        }),
      ]
  }
  if (first.checkIssued(first))
    return [
      remark(file, 'of its own making: programs of users do not believe it', {
        rfc: 'RFC 7435 §4',
        fix: 'Get one from an authority: certbot, for one. Between servers it does.',
      }),
    ]
  const last = chain.at(-1) ?? first
  const isKnown = world.authorities().some((pem) => {
    const root = new X509Certificate(pem)
    return last.checkIssued(root) || last.fingerprint256 === root.fingerprint256
  })
  if (!isKnown && chain.length === 1)
    return [
      fault(
        file,
        `only the certificate itself, issued by ${oneLine(first.issuer)}, which is in no list of authorities`,
        { rfc, fix: 'Use the file with the whole chain: fullchain.pem.' },
      ),
    ]
  if (!isKnown)
    return [
      remark(file, `issued below ${oneLine(last.issuer)}, which is in no list of authorities`, {
        rfc: 'RFC 5280 §6.1',
        fix: 'Get one from a public authority, unless all who connect know this one.',
      }),
    ]
  return []
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ')
}

function ofStrength(file: string, { publicKey }: X509Certificate): HealthFinding[] {
  const { asymmetricKeyType, asymmetricKeyDetails } = publicKey
  const bits = asymmetricKeyDetails?.modulusLength ?? 0
  if (asymmetricKeyType === 'rsa' && bits < 2048)
    return [
      fault(file, `an RSA key of ${bits} bits`, {
        rfc: 'RFC 9325 §4.5',
        fix: 'Make a key of 2048 bits, or of EC P-256.',
      }),
    ]
  return []
}

async function ofRights(key: string, { world }: DoctorContext): Promise<HealthFinding[]> {
  const { mode } = await world.file(key)
  if ((mode & 0o007) === 0) return []
  return [
    fault(key, `every user of this machine may read the private key (${(mode & 0o777).toString(8)})`, {
      rfc: 'RFC 9325 §7.5',
      fix: `chmod 600 ${key}; and if others could, have another certificate issued for another key.`,
    }),
  ]
}
