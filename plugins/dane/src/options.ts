import { z } from 'zod'

const probe = z.strictObject({
  signed: z.string().min(1).default('ietf.org').describe('A name in a signed zone'),
  bogus: z.string().min(1).default('dnssec-failed.org').describe('A name whose signatures are wrong on purpose'),
})

/** What an operator may say of DANE. */
export const options = z.strictObject({
  insecureMx: z
    .enum(['off', 'try'])
    .default('off')
    .describe(
      '`try`: TLSA records count also where the MX record is not signed; who can forge the record can then still choose the host. `smtp_tls_dane_insecure_mx_policy` of Postfix',
    ),
  probe: z
    .union([z.literal(false), probe])
    .prefault({})
    .describe('Names that prove at start whether the resolver validates; `false`: it is believed without'),
})

/** The options after validation. */
export type DaneSettings = z.output<typeof options>
