/** What an operator may say to `recipients`. */
import { fromOption } from '@postroad/directory/zod'
import { addressPattern, domainPattern, duration } from '@postroad/options/zod'
import { z } from 'zod'

const http = z.strictObject({
  url: z
    .string()
    .regex(/^https?:\/\//)
    .describe(
      'Asked with GET; `{address}`, `{local}` and `{domain}` are filled in. 2yz: exists; 404 and 410: does not; else nobody knows',
    ),
  headers: z.record(z.string(), z.string()).default({}).describe('Header fields of the request, a key perhaps'),
})

const callout = z.strictObject({
  protocol: z.enum(['smtp', 'lmtp']).default('smtp').describe('How to ask'),
  host: z.string().default('127.0.0.1').describe('The server that knows'),
  port: z.int().min(1).max(65_535).optional().describe('Default 25, or 24 for LMTP'),
  path: z.string().optional().describe('UNIX socket, in place of host and port'),
  tls: z.enum(['none', 'opportunistic', 'required', 'implicit']).default('opportunistic').describe('TLS to it'),
})

/** The options of {@link recipients}. */
export const options = z.strictObject({
  domains: z.array(domainPattern).min(1).describe('Domain patterns that this is about; others are left to others'),
  users: z.array(addressPattern).optional().describe('Address patterns that exist'),
  files: z.array(z.string()).default([]).describe('Files with an address pattern a line; read again when they change'),
  http: http.optional().describe('A service that knows'),
  callout: callout.optional().describe('A mail server that knows: it is asked with MAIL FROM:<> and RCPT TO'),
  from: fromOption().optional().describe('A directory that knows: SQL, LDAP, Redis, a service, Dovecot, a socketmap'),
  always: z
    .array(z.string())
    .default(['postmaster', 'abuse'])
    .describe('Local parts that exist in all domains, RFC 2142 §4, RFC 5321 §4.5.1'),
  separator: z.string().max(8).default('+').describe('Between user and detail; empty: there is no detail'),
  cache: z
    .strictObject({
      exists: duration.prefault('1 h').describe('How long a yes is kept'),
      unknown: duration.prefault('10 min').describe('How long a no is kept'),
    })
    .prefault({})
    .describe('Of answers of `http` and `callout`'),
  timeout: duration.prefault('5 s').describe('For one question to `http` or `callout`'),
  unavailable: z.enum(['defer', 'accept']).default('defer').describe('When nobody can be asked'),
  text: z.string().default('No such user here').describe('What the client is told'),
})

export type RecipientsOptions = z.output<typeof options>
