/** What an operator may say to `dnsbl`. */
import { action, duration, network } from '@postroad/options/zod'
import { z } from 'zod'

const list = z.strictObject({
  zone: z.string().describe('Name of the list: `zen.spamhaus.org`; a key of yours may be part of it'),
  of: z
    .enum(['client', 'sender', 'helo'])
    .default('client')
    .describe('What is looked up: the address of the client, the domain of the reverse-path, the name in HELO'),
  action: action.default(3).describe('What being listed is worth; negative points for an allow list'),
  codes: z
    .record(network, action)
    .optional()
    .describe(
      'By returned address or network (`127.0.0.2`, `127.0.0.8/30`); others are worth nothing. Absent: `action` for all',
    ),
  text: z
    .string()
    .default('{what} is listed by {zone}')
    .describe('What the client is told; `{what}`, `{zone}` and `{reason}` (the TXT record) are filled in'),
  selfTest: z
    .boolean()
    .default(true)
    .describe('Ask for the test entries of RFC 5782 §5 at start, and leave the list out while they are wrong'),
})

/** The options of {@link dnsbl}. */
export const options = z.strictObject({
  lists: z.array(list).min(1).describe('All are asked at the same time'),
  cap: z.number().positive().optional().describe('Most points the lists may give together'),
  exempt: z
    .array(network)
    .default(['127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fe80::/10'])
    .describe('Networks that are not looked up'),
  failures: z.int().positive().default(5).describe('Failures in a row after which a list is left out'),
  pause: duration.prefault('1 min').describe('How long it is left out'),
})

export type DnsblOptions = z.output<typeof options>
export type ListOptions = z.output<typeof list>
