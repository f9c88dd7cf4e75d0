/** Keys and certificates of PEM files. */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'

/**
 * The public key of a PEM text: a private key, a public one, or a certificate.
 *
 * @throws when it is none of them, or is encrypted
 */
export function publicKeyOf(pem: string): KeyObject {
  return pem.includes('-----BEGIN CERTIFICATE-----') ? new X509Certificate(pem).publicKey : createPublicKey(pem)
}

/** The certificates of a PEM text, in their order; empty when there is none. @throws when one cannot be read */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}
