/** `postroad unsubscribe link`, `read`, `new-key`. */
import { parseAddress } from '@postroad/mail'
import type { TokenKeys } from '@postroad/options'
import type { PluginCommand } from '@postroad/plugin'
import { LINK_PATH } from './fields.ts'
import { subscriptionIn, tokenOf } from './subscription.ts'

const USAGE = 64
const NO_DATA = 65

/** The commands. */
export function unsubscribeCommands({
  keys,
  url,
}: {
  readonly keys: TokenKeys
  readonly url: string
}): Readonly<Record<string, PluginCommand>> {
  return {
    link: {
      summary: 'Prints the link of a recipient, for a page or a mail of your own',
      usage: '<sender> <recipient>',
      onlyLooks: true,
      async run([from = '', recipient = '', ...more], io) {
        if (recipient === '' || more.length > 0) return USAGE
        for (const one of [from, recipient])
          if (parseAddress(one, { smtputf8: true }) === undefined) {
            io.print(`"${one}" is not an address such as "user@example.com"`)
            return NO_DATA
          }
        io.row({ link: `${url}${LINK_PATH}/${await tokenOf({ from, recipient, transaction: '' }, keys)}` })
        return 0
      },
    },
    read: {
      summary: 'Says whom a link is about; nothing is changed',
      usage: '<link or token>',
      onlyLooks: true,
      async run([text = '', ...more], io) {
        if (text === '' || more.length > 0) return USAGE
        const found = await subscriptionIn(text.slice(text.lastIndexOf('/') + 1), keys)
        if (!found) {
          io.print('it was not made with one of our keys')
          return NO_DATA
        }
        io.row({ from: found.from, recipient: found.recipient, transaction: found.transaction || undefined })
        return 0
      },
    },
    'new-key': {
      summary: 'Makes a new key for links; those of the former ones stay good, eight are kept',
      usage: '',
      async run(_, io) {
        io.row({ key: await keys.rotate() })
      },
    },
  }
}
