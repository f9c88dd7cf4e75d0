/** For `postroad doctor`: is what DNS publishes under each selector the public half of the key that we sign with? */
import { createPublicKey } from 'node:crypto'
import { getPublicKey, nodeResolver } from '@postroad/mailauth'
import type { Dns, HealthCheck, HealthFinding } from '@postroad/plugin'
import { keyRecord } from '../command.ts'
import type { SigningKey } from './key-ring.ts'

/** One finding a key. */
export function publishedKeys(keys: () => readonly SigningKey[], dns: Dns): HealthCheck {
  return {
    name: 'dkim-key',
    summary: 'Under the selector of each signing key the public half of that very key is published.',
    run: (signal) => Promise.all(keys().map((key) => examine(key, dns, signal))),
  }
}

async function examine(
  { domain, selector, key, algorithm }: SigningKey,
  dns: Dns,
  signal: AbortSignal,
): Promise<HealthFinding> {
  const subject = `${selector}._domainkey.${domain}`
  const own = createPublicKey(key)
  const rfc = 'RFC 6376 §3.6.2'
  const fix = `Publish ${subject}. IN TXT "${keyRecord(own)}" (in strings of at most 255 octets).`
  try {
    const published = await getPublicKey('DKIM', subject, undefined, nodeResolver(dns, signal), { strict: true })
    if (!createPublicKey(published.publicKey).equals(own))
      return { state: 'fault', subject, evidence: 'the key that is published is another than the one we sign with: every signature fails', rfc, fix } // biome-ignore format: one line
    const bits = key.asymmetricKeyDetails?.modulusLength
    if (bits !== undefined && bits < 2048)
      return { state: 'remark', subject, evidence: `an RSA key of ${bits} bits`, rfc: 'RFC 8301 §3.2', fix: 'Make another of 2048 under a new selector: postroad dkim keygen.' } // biome-ignore format: one line
    if (published.testing)
      return { state: 'remark', subject, evidence: 't=y: to others the domain only tries DKIM out', rfc: 'RFC 6376 §3.6.1', fix: 'Take t=y out of the record.' } // biome-ignore format: one line
    return { state: 'ok', subject, evidence: `${algorithm}, the key that we sign with` }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const text = error instanceof Error ? error.message : String(error)
    // That nobody answers is no evidence against the record.
    if (/^E(?:SERVFAIL|TIMEOUT|REFUSED|BUDGET)$/.test(code))
      return { state: 'remark', subject, evidence: `DNS does not say (${code})`, rfc, fix: 'Ask again later.' }
    return { state: 'fault', subject, evidence: `no key that can be used is published: ${text}`, rfc, fix }
  }
}
