/**
 * Names in a signature: RFC 6376 §3.5 takes those of hosts, senders take those of the DNS, with underscores and with hyphens at an
 * end (`s=s_1`, `s=k1-`). Other verifiers look their keys up as they look up any.
 */
import { domainToASCII } from 'node:url'
import { DkimVerifier, type SignatureHeader } from '@postroad/mailauth'

/** What mailauth does alike for every message: how a signature is taken apart and named. It has seen none, and keeps nothing. */
export const signatureRules: Pick<DkimVerifier, 'prepareSignature' | 'skippedSignatureResult' | 'getStatusHeader'> =
  new DkimVerifier({ strict: true, minBitLength: 0, curTime: new Date(0) })

const LABEL = /^[a-z0-9_-]{1,63}$/
const SYNTAX_ERROR = 'signature syntax error'

/** Has the signature prepared by mailauth, names of the DNS included, which by itself it calls a syntax error. */
export function prepareNames(header: SignatureHeader): void {
  signatureRules.prepareSignature(header)
  if (header.invalid !== SYNTAX_ERROR) return
  const { signingDomain, selector, identity = '', parsed } = header
  const domain = toName(signingDomain)
  if (domain === undefined || !domain.includes('.') || toName(selector) === undefined) return
  delete header.invalid
  // The same signature of a host: whatever else is wrong with it is still seen.
  header.parsed = { ...parsed, d: { value: 'd.example' }, s: { value: 's' }, ...hideIdentity(parsed['i'], domain) }
  signatureRules.prepareSignature(header)
  const identityDomain = identity.slice(identity.lastIndexOf('@') + 1)
  Object.assign(
    header,
    { parsed, signingDomain, selector, identity },
    header.identityDomain !== undefined && { identityDomain },
  )
}

/** `i=` in the same relation to its `d=`; one that has no domain of the DNS is left for what it is. */
function hideIdentity(
  tag: { readonly value: unknown } | undefined,
  domain: string,
): { readonly i?: { readonly value: string } } {
  if (typeof tag?.value !== 'string') return {}
  const at = tag.value.lastIndexOf('@')
  const name = at < 0 ? undefined : toName(tag.value.slice(at + 1).replaceAll(/\s/g, ''))
  if (name === undefined) return {}
  const hidden = name === domain ? 'd.example' : name.endsWith(`.${domain}`) ? 'sub.d.example' : 'other.example'
  return { i: { value: `${tag.value.slice(0, at)}@${hidden}` } }
}

/** Lower-case A-labels; undefined: no name of the DNS, RFC 2181 §11, or one with characters that no sender uses. */
function toName(text: string): string | undefined {
  const ascii = (/[^\x00-\x7f]/.test(text) ? domainToASCII(text) : text).toLowerCase()
  return ascii.length <= 253 && ascii.split('.').every((label) => LABEL.test(label)) ? ascii : undefined
}
