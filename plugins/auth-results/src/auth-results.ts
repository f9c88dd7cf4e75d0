/** One Authentication-Results field for everything that was found out, and none that somebody else wrote in our name, RFC 8601. */
import { arcFact, describe, dkimFact, dmarcFact, hasAuthservId, spfFact, writeAuthResults } from '@postroad/authres'
import { definePlugin, type Message } from '@postroad/plugin'
import { z } from 'zod'

const id = z.string().min(1).max(255)

/** Options of {@link authResults}. */
export const authResultsOptions = z.strictObject({
  authservId: id.optional().describe('Who says so, RFC 8601 §2.5. Default: the name of the server.'),
  own: z
    .array(id)
    .default([])
    .describe(
      "Further ids nobody outside may use: '*.example.com' for all names below. The authserv-id itself is always among them.",
    ),
  remove: z
    .enum(['own', 'all'])
    .default('own')
    .describe("Fields of others that come in: only those that claim to be ours, or 'all' of them."),
  account: z.boolean().default(false).describe('Name the account of an authenticated client, RFC 8601 §2.7.4.'),
})

/** Options with their defaults. */
export type AuthResultsOptions = z.output<typeof authResultsOptions>

const FIELD = 'Authentication-Results'

/**
 * Removes forged fields and adds one of the facts that are there, on top.
 *
 * @example mx.use(spf()).use(dkim()).use(dmarc()).use(authResults())
 */
export const authResults = definePlugin({
  name: 'auth-results',
  options: authResultsOptions,
  setup: ({ options, hostname }) => {
    const authservId = options.authservId ?? hostname
    const own = [authservId, ...options.own]
    return {
      rewrite({ session, message, find }) {
        const found = {
          auth: options.account ? session.identity?.name : undefined,
          spf: find(spfFact),
          dkim: find(dkimFact),
          arc: find(arcFact),
          dmarc: find(dmarcFact),
        }
        return withoutForged(message, own, options.remove).withHeader(
          FIELD,
          writeAuthResults(describe(authservId, found)),
        )
      },
    }
  },
})

/** RFC 8601 §5: a field from outside that claims to be ours, or that nobody can read, must go. */
export function withoutForged(message: Message, own: readonly string[], remove: AuthResultsOptions['remove']): Message {
  const isForged = (value: string) => remove === 'all' || own.some((authservId) => hasAuthservId(value, authservId))
  const proper = message.headers.has(FIELD) ? message.withoutHeader(FIELD, ({ value }) => isForged(value)) : message
  return proper.withoutHeader('', ({ value }) => {
    const disguised = disguisedValue(value)
    return disguised !== undefined && isForged(disguised)
  })
}

/** A line that is no field because of what stands in its name, NUL for one; some reader will pass over that. */
function disguisedValue(line: string): string | undefined {
  const colon = line.indexOf(':')
  return colon >= 0 &&
    line
      .slice(0, colon)
      .replace(/[^A-Za-z-]/g, '')
      .toLowerCase() === FIELD.toLowerCase()
    ? line.slice(colon + 1)
    : undefined
}
