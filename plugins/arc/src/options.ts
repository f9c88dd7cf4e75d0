/** What an operator may say of ARC. */
import { domainTest } from '@postroad/options'
import { domainPattern, sizeOf } from '@postroad/options/zod'
import { z } from 'zod'

const domain = z.string().regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'not a domain name in A-labels')

/** A wildcard in the last label, as in `*` and `*.*`: such a pattern fits everybody. */
const EVERYBODY = /[*?][^.]*\.?$/

/** Options of {@link arc}. */
export const arcOptions = z.strictObject({
  trust: z
    .array(
      domainPattern.refine((pattern) => !EVERYBODY.test(pattern), {
        error: ({ input }) =>
          `${JSON.stringify(input)} would believe everybody, and anybody may seal: write the domain of each sealer you trust, "lists.example.org", or "*.example.org" for those below it`,
      }),
    )
    .default([])
    .describe(
      "Sealers that are believed ('*.example.com' for those below): they may rescue a message that fails DMARC.",
    ),
  maxHeader: sizeOf({ min: 1024 })
    .default(262_144)
    .describe('Octets of the header section beyond which the chain is not looked at.'),
  maxFields: z.int().min(1).default(1000).describe('Header fields beyond which the chain is not looked at.'),
  minBits: z.int().min(1024).default(1024).describe('Shortest RSA key, RFC 8301 §3.2.'),
  seal: z
    .strictObject({
      domain: domain.describe('d='),
      selector: z
        .string()
        .regex(/^[A-Za-z0-9_.-]+$/)
        .describe('s='),
      file: z.string().min(1).describe('Private key, PEM: RSA or Ed25519. Read when the server starts or reloads.'),
      authservId: z
        .string()
        .min(1)
        .optional()
        .describe('Who says so, in the ARC-Authentication-Results. Default: the name of the server.'),
    })
    .optional()
    .describe('Seal what goes through. Default: not; only for who changes messages, as a list does.'),
})

/** Options with their defaults. */
export type ArcOptions = z.output<typeof arcOptions>

/** Whether one of the patterns fits the domain. */
export function isListed(patterns: readonly string[], name: string): boolean {
  return name !== '' && patterns.some((pattern) => domainTest(pattern)(name))
}
