/** What an operator may say to `auth`. */
import { fromOption } from '@postroad/directory/zod'
import { loginOptions } from '@postroad/login/zod'
import { durationOf, stringList } from '@postroad/options/zod'
import { z } from 'zod'

const url = z.string().regex(/^https?:\/\//, 'not a URL: "https://id.example.com/…"')

const fields = z.strictObject({
  user: z
    .string()
    .default('user')
    .describe('Has the name the user is known by from then on; where there is none it is the one the client has said'),
  password: z.string().default('password').describe('Has the hash; of several values each is a password of the user'),
  senders: z
    .union([z.string(), z.array(z.string())])
    .default('senders')
    .describe('Have further reverse-paths of the user: addresses or patterns, parted by blanks or commas'),
})

const dovecot = z.strictObject({
  socket: z.string().describe('Of Dovecot’s service `auth`: its listener `auth-client`'),
  scram: z
    .boolean()
    .default(false)
    .describe('Offer SCRAM-SHA-256: Dovecot and the client speak it with each other, without channel binding'),
  oauth: z.boolean().default(false).describe('Dovecot judges tokens, too: offer XOAUTH2 and OAUTHBEARER'),
})

const introspection = z.strictObject({
  url: url.describe('RFC 7662: asked with POST'),
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
})

const oauth = z.strictObject({
  issuer: z.string().min(1).describe('Who makes the tokens: `iss`'),
  audience: stringList.describe('For whom they are made: `aud`, one of these. A token for another service is none'),
  keys: url.optional().describe('The provider’s keys (JWKS), for tokens that are JWT, RFC 7519'),
  introspection: introspection.optional().describe('Ask the provider about each token instead'),
  user: z.string().default('email').describe('Claim that has the user’s name'),
  scope: z.string().optional().describe('A scope that the token must have'),
  algorithms: z
    .array(
      z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']),
    )
    .min(1)
    .default(['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'])
    .describe('Of signatures; a secret that both sides have (HS256) is never one'),
  tolerance: durationOf({ max: 300_000 }).prefault('30 s').describe('How much clocks may differ'),
})

/** The options of {@link auth}. */
export const options = z
  .strictObject({
    from: fromOption({ found: '0', unknown: '0' })
      .optional()
      .describe('The directory of users: LDAP checks passwords by a bind, of the others it is the hash'),
    fields: fields.prefault({}).describe('Names of columns or attributes of `from`'),
    owners: z
      .strictObject({
        from: fromOption().describe('The key is the address, then without its detail, then `@domain`'),
      })
      .optional()
      .describe(
        'A directory of who may use an address as reverse-path besides: its values are names of users, parted by blanks or commas. A table of aliases is one',
      ),
    dovecot: dovecot.optional().describe('Dovecot checks passwords: its users, and its app passwords'),
    oauth: oauth.optional().describe('Offer XOAUTH2 and OAUTHBEARER: tokens of a provider'),
    deadline: durationOf({ min: 100, max: 25_000 })
      .prefault('10 s')
      .describe('For one question to Dovecot or the provider'),
    ...loginOptions(),
  })
  .superRefine(({ from, owners, dovecot, oauth }, context) => {
    if (!from && !dovecot && !oauth)
      context.addIssue({ code: 'custom', message: 'needs one of "from", "dovecot" and "oauth"' })
    if (from?.onError === 'pass')
      context.addIssue({ code: 'custom', path: ['from', 'onError'], message: '"pass" would be an open door' })
    if (owners?.from.onError === 'pass')
      context.addIssue({ code: 'custom', path: ['owners', 'from', 'onError'], message: '"pass" would be an open door' })
    if (oauth && (oauth.keys === undefined) === (oauth.introspection === undefined))
      context.addIssue({ code: 'custom', path: ['oauth'], message: 'needs one of "keys" and "introspection"' })
  })

export type AuthOptions = z.output<typeof options>
