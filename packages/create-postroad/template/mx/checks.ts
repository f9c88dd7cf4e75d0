/** What is asked of each message, and where it goes. */
import { authResults } from '@postroad/auth-results'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { definePlugin, reject } from '@postroad/plugin'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'

/** Whose mail is taken; all else is refused. */
export const DOMAIN = 'example.test'

/** A rule of your own. */
export const houseRule = definePlugin({
  name: 'house-rule',
  hooks: {
    message({ message }) {
      return /you(?:'ve| have) won/i.test(message.subject ?? '') ? reject('We did not buy a ticket') : undefined
    },
  },
})

/** In any order: what needs the result of another says so itself. */
export const checks = () => [
  spf(),
  dkim(),
  dmarc(),
  authResults(),
  houseRule(),
  routing({ domains: { [DOMAIN]: { via: 'maildir' } } }),
]
