/** Keys of DKIM that are published under a selector; whether they fit a private key only the plugin that signs can tell. */
import { getPublicKey, nodeResolver } from '@postroad/mailauth'
import type { HealthFinding } from '@postroad/plugin'
import type { Check, DoctorContext } from '../check.ts'
import { fault, ok, remark, unknown } from '../finding.ts'

/** Selectors that were named. */
export const dkimSelector: Check = {
  name: 'dkim-selector',
  group: 'outside',
  summary: 'Under each selector that was named (--dkim) there is a key that can be used.',
  rfc: 'RFC 6376 §3.6.1',
  run: async (context) =>
    Promise.all(
      context.domains.flatMap((domain) =>
        context.selectors.map((selector) => ofSelector(`${selector}._domainkey.${domain}`, context)),
      ),
    ),
}

async function ofSelector(name: string, { dns, signal }: DoctorContext): Promise<HealthFinding> {
  try {
    const { keyType, modulusLength, testing } = await getPublicKey('DKIM', name, undefined, nodeResolver(dns, signal), {
      strict: true,
    })
    const rfc = 'RFC 8301 §3.2'
    const size = keyType === 'rsa' ? `${keyType} ${modulusLength ?? 0}` : keyType
    if (keyType === 'rsa' && (modulusLength ?? 0) < 1024)
      return fault(name, `an RSA key of ${modulusLength} bits, which does not count`, {
        rfc,
        fix: 'Make another of 2048: postroad dkim keygen.',
      })
    if (testing)
      return remark(name, 't=y: to others the domain only tries DKIM out', {
        rfc: 'RFC 6376 §3.6.1',
        fix: 'Take t=y out of the record.',
      })
    if (keyType === 'rsa' && (modulusLength ?? 0) < 2048)
      return remark(name, size, { rfc, fix: 'Make another of 2048: postroad dkim keygen.' })
    return ok(name, size)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const text = error instanceof Error ? error.message : String(error)
    if (/^E(?:SERVFAIL|TIMEOUT|REFUSED|BUDGET)$/.test(code)) return unknown(name, `TXT ${name}`, code)
    return fault(name, `no key that can be used: ${text}`, {
      rfc: 'RFC 6376 §3.6.2.2',
      fix: 'Publish what `postroad dkim keygen` printed.',
    })
  }
}
