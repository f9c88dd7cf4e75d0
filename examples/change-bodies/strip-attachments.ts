/** Takes attachments out of messages: a text says what was there, by name, size and hash; all else stays octet for octet. */
import { definePlugin, quarantine, reject } from '@postroad/plugin'
import { findWanted } from './strip/find.ts'
import { stripOptions, wantedBy } from './strip/options.ts'
import { remove } from './strip/remove.ts'

/**
 * What is signed is never changed: `untouchable` says what a message is worth that has something to remove there.
 *
 * @example app.use(stripAttachments({ names: ['*.exe', '*.js'], types: ['application/x-msdownload'] }))
 */
export const stripAttachments = definePlugin({
  name: 'strip-attachments',
  options: stripOptions,
  setup({ options }) {
    const look = { depth: options.depth, wanted: wantedBy(options) }
    return {
      ...(options.untouchable !== 'leave' && {
        message: {
          points: false,
          async handler({ message }) {
            const { untouchable } = await findWanted(message, look)
            if (untouchable === undefined) return undefined
            return options.untouchable === 'quarantine'
              ? quarantine(untouchable)
              : reject(`This message is not accepted: ${untouchable}`, { status: '5.7.1' })
          },
        },
      }),
      rewrite: {
        changes: 'body',
        async handler({ message, log }) {
          const { parts, untouchable } = await findWanted(message, look)
          if (untouchable !== undefined) log.info({ why: untouchable }, 'something was left in a message')
          if (parts.length === 0) return undefined
          const stripped = await remove(message, parts, options.text)
          log.info({ removed: stripped.removed }, 'attachments were removed')
          return stripped.message
        },
      },
    }
  },
})
