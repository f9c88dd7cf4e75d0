/** What an operator may say to `policy`. */
import { durationOf } from '@postroad/options/zod'
import { z } from 'zod'

const ms = durationOf({ min: 1, max: 3_600_000 })

/** Where a service listens. */
export type ServiceAddress = { readonly path: string } | { readonly host: string; readonly port: number }

/** The options of {@link policy}. */
export const options = z.strictObject({
  at: z
    .string()
    .transform((text, context): ServiceAddress => {
      const address = addressOf(text)
      if (address) return address
      context.addIssue({
        code: 'custom',
        message: `${JSON.stringify(text)} is not where a policy service listens: "inet:127.0.0.1:10023" or "unix:/run/policyd.sock"`,
      })
      return z.NEVER
    })
    .describe('Where it listens, as main.cf has it: `inet:127.0.0.1:10023`, `unix:/run/policyd.sock`'),
  states: z
    .array(z.enum(['rcpt', 'data']))
    .min(1)
    .default(['rcpt'])
    .describe('When it is asked: of each recipient, when the message begins, or both'),
  timeout: ms.default(10_000).describe('For one answer. Whoever is late has failed, and `onError` decides'),
  connections: z.int().min(1).max(1_000).default(20).describe('Connections at a time; questions beyond that wait'),
  idle: ms.default(60_000).describe('After which a connection that nobody uses is closed'),
})

/** The options after validation. */
export type PolicyOptions = z.output<typeof options>

function addressOf(text: string): ServiceAddress | undefined {
  const path = /^(?:unix:)?(\/.+)$/.exec(text)?.[1]
  if (path !== undefined) return { path }
  const [, host = '', digits = ''] = /^(?:inet:)?(\[[^\]\s]+\]|[^:@\s]+):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  return host === '' || port < 1 || port > 65_535 ? undefined : { host: host.replace(/^\[|\]$/g, ''), port }
}
