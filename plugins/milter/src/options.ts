/** What an operator may say to `milter`. */
import type { FilterAddress } from '@postroad/milter-protocol/client'
import { durationOf, sizeOf } from '@postroad/options/zod'
import { z } from 'zod'

/** Moments at which a milter may be asked. */
const STAGES = ['connect', 'helo', 'mail', 'rcpt', 'data', 'message'] as const

const ms = durationOf({ min: 1, max: 3_600_000 })

/** The options of {@link milter}. */
export const options = z
  .strictObject({
    at: z
      .string()
      .transform((text, context): FilterAddress => {
        const address = addressOf(text)
        if (address) return address
        context.addIssue({
          code: 'custom',
          message: `${JSON.stringify(text)} is not where a milter listens: "unix:/run/opendkim/opendkim.sock", "inet:localhost:8891" or "inet:8891@localhost"`,
        })
        return z.NEVER
      })
      .describe(
        'Where it listens, as Postfix and Sendmail write it: `unix:/run/opendkim/opendkim.sock`, `inet:localhost:8891`',
      ),
    version: z
      .int()
      .min(2)
      .max(6)
      .default(6)
      .describe(
        'The newest version of the protocol that is offered; an older filter says by itself which one it speaks',
      ),
    timeouts: z
      .strictObject({
        connect: ms.default(5_000).describe('Until it has taken the connection'),
        command: ms.default(10_000).describe('For one answer, but for the one to the end of a message'),
        content: ms
          .default(60_000)
          .describe(
            'For the answer to the end of a message; each time it says that it is still at work it gets as much again',
          ),
        limit: ms.default(300_000).describe('For one answer in all, however often it says so'),
      })
      .prefault({})
      .describe('How long it may take. Whoever is late has failed, and `onError` decides'),
    macros: z
      .record(z.string().regex(/^(?:[A-Za-z_]|\{[A-Za-z0-9_]{1,60}\}|[A-Za-z0-9_]{2,60})$/), z.string().max(1_000))
      .default({})
      .describe(
        'Macros of your own, or in place of ours: `{ daemon_name: "ORIGINATING" }`. They are sent with the connection, and where it asks for them',
      ),
    stages: z
      .array(z.enum(STAGES))
      .min(1)
      .default([...STAGES])
      .describe(
        'When it is asked. It hears all that came before then, and a client that does not come so far costs it nothing: a scanner may do with `["message"]`',
      ),
    size: sizeOf({ min: 1 }).optional().describe('Larger messages are not shown to it, and pass it. Default: all are'),
    sees: z
      .enum(['chain', 'original'])
      .default('chain')
      .describe(
        '`chain`: the message as the milters used before this one have made it, one after the other; `original`: as it came, beside all others',
      ),
  })
  .refine(({ timeouts: { content, limit } }) => limit >= content, {
    path: ['timeouts', 'limit'],
    error: 'is less than `content`: no answer could take so long',
  })

/** The options after validation. */
export type MilterOptions = z.output<typeof options>

/** As Postfix (`inet:host:port`) and Sendmail (`inet:port@host`) write it. */
export function addressOf(text: string): FilterAddress | undefined {
  const path = /^(?:(?:unix|local):)?(\/.+)$/.exec(text)?.[1]
  if (path !== undefined) return { path }
  const sendmail = /^inet6?:(\d{1,5})@\[?([^\]@\s]+)\]?$/.exec(text)
  const postfix = /^(?:inet6?:)?(\[[^\]\s]+\]|[^:@\s]+):(\d{1,5})$/.exec(text)
  const host = sendmail?.[2] ?? postfix?.[1] ?? ''
  const port = Number(sendmail?.[1] ?? postfix?.[2])
  if (host === '' || !(port >= 1 && port <= 65_535)) return undefined
  return { host: host.replace(/^\[|\]$/g, ''), port }
}
