/** Refuses messages by words in their subject. */
import { definePlugin, reject } from '@postroad/plugin'
import { z } from 'zod'

const options = z.strictObject({
  /** Words that are not welcome in a subject, in upper or lower case. */
  words: z.array(z.string().min(1)).default(['lottery']),
})

/** Refuses messages whose subject has one of the words. */
export const myPlugin = definePlugin({
  name: 'my-plugin',
  options,
  setup: ({ options: { words } }) => ({
    message({ message, log }) {
      const subject = (message.subject ?? '').toLowerCase()
      const word = words.find((one) => subject.includes(one.toLowerCase()))
      if (word === undefined) return
      log.info({ word }, 'an unwelcome subject')
      return reject('This subject is not welcome here')
    },
  }),
})
