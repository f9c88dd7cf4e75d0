/** `--like strict`: what a receiver does that knows nobody, by rules that are always the same, so that a program's retries can be tested. */
import { greylist } from '@postroad/greylist'
import { defer, definePlugin, reject } from '@postroad/plugin'
import { rateLimit } from '@postroad/rate-limit'
import type { App } from 'postroad'

/** The rules as sentences, for who starts it. */
export const STRICT_RULES: readonly string[] = [
  'the first attempt of a sender to a recipient is 451 4.7.1, from 5 s later on it is taken (greylisting); who logs in is spared',
  'more than 20 messages a minute from one address: 450 4.7.28, until there is room again',
  'more than 5 connections at once from one address: 421',
  'more than 10 MB: 552 5.3.4; more than 50 recipients: 452 4.5.3',
  'unknown@…: 550 5.1.1; full@…: 452 4.2.2; suspended@…: 550 5.2.1',
  'lines of more than 998 characters, bare LF, MAIL FROM without brackets and words before their turn are refused',
]

const MINUTE = 60_000

/** Recipients that are not as others. */
const people = definePlugin({
  name: 'people',
  hooks: {
    rcpt: {
      before: ['greylist'],
      handler({ recipient }) {
        switch (recipient.local.toLowerCase()) {
          case 'unknown':
            return reject('No such mailbox', { status: '5.1.1' })
          case 'suspended':
            return reject('Mailbox disabled', { status: '5.2.1' })
          case 'full':
            return defer('Mailbox full', { status: '4.2.2', code: 452 })
          default:
            return undefined
        }
      },
    },
  },
})

/** Adds the plugins. */
export function addStrict(app: App): void {
  app
    .use(people())
    .use(greylist({ delay: '5 s', promote: 0 }), { after: ['people'] })
    .use(rateLimit({ limits: [{ of: 'messages', by: 'address', limit: '20 per 1 min' }] }))
}

/** What its listener is told. */
export const STRICT_LISTENER = {
  strictLines: true,
  bareLineEndings: 'reject',
  brackets: 'required',
  pipelining: 'strict',
  limits: {
    size: 10_000_000,
    recipients: 50,
    connectionsPerAddress: 5,
    errors: 10,
    commandTimeoutMs: 5 * MINUTE,
  },
} as const

/** What that of a catch-all is told that takes whatever a program under development sends. */
export const LENIENT_LISTENER = {
  bareLineEndings: 'normalise',
  brackets: 'optional',
  limits: {
    size: 100 * 1_048_576,
    line: 1_048_576,
    recipients: 10_000,
    connections: 2_000,
    connectionsPerAddress: 1_000,
    errors: 1_000,
    refusedRecipients: 10_000,
    transactions: 1_000_000,
  },
} as const
