/** What is asked: of each recipient, and of each message. */
import { authResults } from '@postroad/auth-results'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { greylist } from '@postroad/greylist'
import { definePlugin, reject } from '@postroad/plugin'
import { spf } from '@postroad/spf'

/** A rule of your own. */
export const houseRule = definePlugin({
  name: 'house-rule',
  hooks: {
    message({ message }) {
      return /you(?:'ve| have) won/i.test(message.subject ?? '') ? reject('We did not buy a ticket') : undefined
    },
  },
})

/** Before there is a message. */
export const ofRecipients = () => [greylist({ delay: '2 min' })]

/** Of the message as a whole. */
export const ofMessages = () => [spf(), dkim(), dmarc(), authResults(), houseRule()]
