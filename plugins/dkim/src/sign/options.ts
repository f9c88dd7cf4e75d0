/** What an operator may say of signing. */
import { normaliseName } from '@postroad/dns'
import { durationOf } from '@postroad/options/zod'
import { z } from 'zod'

/**
 * Fields to sign, RFC 6376 §5.4.1: what a reader sees and what makes the body what it is. Each is signed once more than it is there,
 * so that none can be added, except those that lists and resenders add by right.
 */
const DEFAULT_HEADERS = [
  'From',
  'To',
  'Cc',
  'Reply-To',
  'Subject',
  'Date',
  'Message-ID',
  'In-Reply-To',
  'References',
  'MIME-Version',
  'Content-Type',
  'Content-Transfer-Encoding',
]

const DEFAULT_LOOSE_HEADERS = [
  'Sender',
  'Resent-Date',
  'Resent-From',
  'Resent-To',
  'Resent-Cc',
  'List-Id',
  'List-Help',
  'List-Subscribe',
  'List-Post',
  'List-Owner',
  'List-Archive',
]

/** Of these a second one would be another answer to the same question; who sends on adds one only where there is none. RFC 8058 §4, RFC 9477 §3.1. */
const DEFAULT_GUARDED_HEADERS = [
  'List-Unsubscribe',
  'List-Unsubscribe-Post',
  'CFBL-Address',
  'CFBL-Feedback-ID',
  'Feedback-ID',
]

const name = z.string().regex(/^[\x21-\x39\x3b-\x7e]+$/, 'not the name of a header field')
const host = z.string().regex(/^(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$/, 'not a name')
// RFC 8616 §3: in the signature a domain has A-labels; an operator may write it as people read it.
const domain = z.string().transform((text, context): string => {
  const name = normaliseName(text) ?? ''
  if (host.safeParse(name).success) return name
  context.addIssue({ code: 'custom', message: 'not a domain name' })
  return z.NEVER
})

/** A key to sign with. */
export const keyOptions = z.strictObject({
  domain: domain.describe('Signs for this author domain and the names below it, d=.'),
  selector: host.describe('Where the public key is published: SELECTOR._domainkey.DOMAIN, s=.'),
  file: z.string().min(1).describe('Private key, PEM (PKCS#8 or PKCS#1): RSA or Ed25519. Read again when it changes.'),
})

/** Options of {@link dkimSign}. */
export const signOptions = z.strictObject({
  keys: z
    .array(keyOptions)
    .min(1)
    .describe(
      'All keys of the domain that fits best sign, each with a field of its own: RSA and Ed25519 side by side, RFC 8463 §3.',
    ),
  headers: z
    .array(name)
    .default(DEFAULT_HEADERS)
    .describe('Fields to sign, and to protect from being added. From is always among them.'),
  looseHeaders: z
    .array(name)
    .default(DEFAULT_LOOSE_HEADERS)
    .describe('Fields to sign where they are, which others may add.'),
  guardedHeaders: z
    .array(name)
    .default(DEFAULT_GUARDED_HEADERS)
    .describe('Fields to sign where they are, and then to protect from being added; where there is none, others may.'),
  expire: z.number().positive().optional().describe('Seconds a signature is good for, x=. Default: for ever.'),
  unauthenticated: z
    .boolean()
    .default(false)
    .describe('Sign for clients that did not prove who they are too: only where nobody else can connect.'),
  reload: durationOf({ min: 1 }).default(10_000).describe('Milliseconds between two looks at the key files.'),
})

/** Options with their defaults. */
export type SignOptions = z.output<typeof signOptions>

/** One key's options. */
export type KeyOptions = z.output<typeof keyOptions>
