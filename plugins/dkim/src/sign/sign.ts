/** Signs what our own users send, RFC 6376 §5. */

import { normaliseName } from '@postroad/dns'
import { BodyHash } from '@postroad/mailauth'
import { Dns, definePlugin, type Headers, type Message } from '@postroad/plugin'
import addressparser from 'nodemailer/lib/addressparser'
import { dkimCommands } from '../command.ts'
import { KeyRing } from './key-ring.ts'
import { type SignOptions, signOptions } from './options.ts'
import { publishedKeys } from './published-key.ts'
import { makeSignature, signedFields } from './signature.ts'

/**
 * Adds a DKIM-Signature field for each key of the author's domain, after all other plugins have changed the message.
 * A message without exactly one author domain, or of a domain without keys, stays as it is.
 *
 * @example out.use(dkim.sign({ keys: [{ domain: 'example.com', selector: '2026a', file: 'keys/2026a.pem' }] }))
 */
export const signDkim = definePlugin({
  name: 'dkim-sign',
  options: signOptions,
  needs: { dns: Dns },
  setup: async ({ options, dns, log, resolve }) => {
    const keys = options.keys.map((key) => ({ ...key, file: resolve(key.file) }))
    const ring = await KeyRing.open(keys, { log, reload: options.reload }, Date.now())
    return {
      rewrite: {
        changes: 'seal',
        after: ['auth-results', 'arc'],
        async handler({ session, message, now }) {
          if (session.identity === undefined && !options.unauthenticated) return undefined
          return signMessage(message, { ring, options, now: now() })
        },
      },
      commands: dkimCommands(dns),
      checks: [publishedKeys(() => ring.all, dns)],
    }
  },
})

/** The message with its signatures on top, or nothing when there is no key for its author. */
export async function signMessage(
  message: Message,
  { ring, options, now }: { readonly ring: KeyRing; readonly options: SignOptions; readonly now: number },
): Promise<Message | undefined> {
  const domain = authorDomain(message.headers)
  const keys = domain === undefined ? [] : await ring.for(domain, now)
  if (keys.length === 0) return undefined
  const body = new BodyHash({ canonicalization: 'relaxed' })
  for await (const chunk of message.body()) body.update(chunk)
  const signable = { fields: signedFields(message.headers), bodyHash: body.digest().toString('base64') }
  const time = Math.floor(now / 1000)
  const expires = options.expire === undefined ? undefined : time + Math.ceil(options.expire)
  const { headers, looseHeaders, guardedHeaders } = options
  const values = await Promise.all(
    keys.map((key) => makeSignature(key, signable, { headers, looseHeaders, guardedHeaders, time, expires })),
  )
  return values.reduceRight((signed, value) => signed.withHeader('DKIM-Signature', value), message)
}

/** The one domain of the From field, in lower-case A-labels; `undefined` when there is no From, more than one, or several domains. */
function authorDomain(headers: Headers): string | undefined {
  const [from, ...more] = headers.all('from')
  if (from === undefined || more.length > 0) return undefined
  const domains = new Set(
    addressparser(from, { flatten: true }).map(
      ({ address }) => normaliseName(address.slice(address.lastIndexOf('@') + 1)) ?? '',
    ),
  )
  const [domain] = domains
  return domains.size === 1 && domain !== '' ? domain : undefined
}
