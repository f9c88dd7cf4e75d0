import { definePlugin, reject, suspect } from '@postroad/plugin'

/** An in-house spam rule: copy this folder to write your own. */
export const houseRule = definePlugin({
  name: 'house-rule',
  hooks: {
    message({ message, envelope }) {
      const subject = message.subject ?? ''
      if (/you(?:'ve| have) won/i.test(subject)) return reject('We did not buy a ticket')
      if (subject === subject.toUpperCase() && subject.length > 10) return suspect(2, 'shouting')
      if (envelope.recipients.length > 50) return suspect(1, 'many recipients')
    },
  },
})
