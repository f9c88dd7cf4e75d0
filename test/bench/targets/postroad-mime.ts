/** Postroad with a plugin that has MIME parsed, and says nothing. */
import { definePlugin } from '@postroad/plugin'
import { discardAll, startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

const reader = definePlugin({
  name: 'reader',
  hooks: {
    message: {
      handler: async ({ message }) => {
        await message.mime()
      },
    },
  },
})

export const target: Target = {
  title: 'Postroad, MIME parsed: accept and discard',
  start: (place) => startPostroad(place, [reader(), discardAll()]),
}
