/** The plugin that takes everything: any recipient, any login. */
import { definePlugin, type HttpRoute, type Plugin, type Refusal, type Reject } from '@postroad/plugin'
import type { Collection } from './collection.ts'
import { newEntry } from './entry.ts'
import type { FilterWords } from './filters.ts'

/** What was refused, for who waits for a message that did not come. */
export interface RefusedMail {
  readonly at: number
  readonly from: string | undefined
  readonly to: string | undefined
  readonly refusal: Refusal | Reject
}

/** What it works with. */
export interface TakerDeps {
  readonly collection: Collection
  readonly routes: readonly HttpRoute[]
  /** Undefined: no filter is asked. */
  readonly findings?: FilterWords | undefined
  onRefused?(refused: RefusedMail): void
}

const VIA = 'catch'

/** Takes all mail into the collection. */
export function taker({ collection, routes, findings, onRefused }: TakerDeps): Plugin {
  return definePlugin({
    name: 'catch',
    setup: () => ({
      routes,
      auth: {
        // Whoever says who they are is believed: the mail goes nowhere.
        mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'XOAUTH2', 'OAUTHBEARER'],
        handler: ({ attempt }) => ({ name: attempt.username }),
      },
      route: () => ({ via: VIA }),
      queue: {
        supports: ['8BITMIME', 'BINARYMIME', 'SMTPUTF8', 'REQUIRETLS', 'DSN'],
        carries: (via) => via === VIA,
        async handler(context) {
          const { entry, search } = await newEntry(context, findings)
          const { id } = await collection.add(entry, search, context.message.raw())
          return { id }
        },
      },
      refused({ envelope, recipient, refusal, now }) {
        onRefused?.({
          at: now(),
          from: envelope?.from?.toString(),
          to: (recipient ?? envelope?.recipients[0]?.address)?.toString(),
          refusal,
        })
      },
    }),
  })()
}
