/** What an operator may say to `greylist`. */
import { addressPattern, domainPattern, duration, network } from '@postroad/options/zod'
import { z } from 'zod'

/** The options of {@link greylist}. */
export const options = z.strictObject({
  delay: duration.prefault('5 min').describe('How long a stranger has to wait'),
  window: duration
    .prefault('2 d')
    .describe('How long after the first attempt a second one counts; RFC 6647 §5 recommends at least a day'),
  lifetime: duration.prefault('36 d').describe('How long one that came back stays known, from its last mail'),
  at: z
    .enum(['rcpt', 'message'])
    .default('rcpt')
    .describe('`message`: only after the content was seen, and only from `points` on'),
  points: z.number().default(0).describe('At `message`: fewer points are not worth a delay'),
  promote: z
    .int()
    .nonnegative()
    .default(5)
    .describe('So many accepted messages make the whole network known; 0: never'),
  attempts: z
    .int()
    .positive()
    .default(10_000)
    .describe('First attempts of one network that are remembered at a time; more wait unremembered'),
  network: z
    .strictObject({ v4: z.int().min(8).max(32).default(24), v6: z.int().min(16).max(128).default(64) })
    .prefault({})
    .describe('Prefix lengths: big senders retry from a neighbour'),
  separator: z
    .string()
    .max(8)
    .default('+')
    .describe(
      'Of a reverse-path, what follows this and digits are left out: mailing lists change them with each mail (VERP)',
    ),
  trusted: z.array(network).default([]).describe('Networks that are never greylisted: pools of big senders'),
  trustedNames: z
    .array(domainPattern)
    .default([])
    .describe('Domains whose hosts are never greylisted, by their verified reverse-DNS name; needs the plugin `helo`'),
  trustedDomains: z
    .array(domainPattern)
    .default([])
    .describe('Domains that are never greylisted when SPF passes for them'),
  spared: z.array(addressPattern).default([]).describe('Address patterns of recipients whose mail is never delayed'),
  text: z
    .string()
    .default('Greylisted, try again in {wait}')
    .describe('What the client is told; `{wait}` is filled in'),
})

export type GreylistOptions = z.output<typeof options>
