/** A class that is given its services: for a plugin with a life of its own, state and several hooks. `setup` makes it, the host never sees it. */
import { definePlugin, type MailContext, type RcptContext, Store, suspect } from '@postroad/plugin'
import { z } from 'zod'

const options = z.strictObject({
  /** Points for mail from a domain that was never seen before. */
  points: z.number().default(1),
  /** Milliseconds after which a domain is forgotten. */
  remember: z
    .number()
    .positive()
    .default(30 * 86_400_000),
})

/** Counts points for senders' domains that are new to this server. */
export const newcomer = definePlugin({
  name: 'newcomer',
  options,
  needs: { store: Store },
  setup: ({ options, store }) => {
    const register = new Register(store, options)
    return {
      mail: (context) => register.meet(context),
      rcpt: (context) => register.greet(context),
    }
  },
})

class Register {
  readonly #store: Store
  readonly #options: z.infer<typeof options>
  /** Sessions that come from a domain not seen before; a session that is gone is forgotten by itself. */
  readonly #new = new WeakSet<object>()

  constructor(store: Store, settings: z.infer<typeof options>) {
    this.#store = store
    this.#options = settings
  }

  async meet({ envelope, session, signal }: MailContext) {
    const { from } = envelope
    if (!from || session.identity) return
    const key = `newcomer/${from.domain}`
    const isKnown = (await this.#store.setIfAbsent(key, envelope.id, this.#options.remember, signal)) !== envelope.id
    if (isKnown) return
    this.#new.add(session)
    return suspect(this.#options.points, `${from.domain} is new`)
  }

  greet({ session, recipient, log }: RcptContext) {
    if (this.#new.has(session)) log.info({ recipient: recipient.toString() }, 'mail from a domain that is new')
  }
}
