/** DKIM: who has signed this message, and is it still what they signed? RFC 6376. */
import { type Dkim, type DkimResult, dkimFact, toOpinion } from '@postroad/authres'
import { forMessage } from '@postroad/dns'
import { Arrivals } from '@postroad/mailauth'
import { Dns, definePlugin, type MessageOpinion } from '@postroad/plugin'
import { dkimCommands } from './command.ts'
import { KeyStore } from './key-store.ts'
import { type DkimOptions, dkimOptions } from './options.ts'
import { overall, Verification } from './verification.ts'

/**
 * Verifies all signatures, sets `dkimFact` at `message`, and answers with what the operator says the best result is worth.
 * Key lookups begin when the header section is there, the body is hashed while it arrives.
 *
 * @example mx.use(dkim())
 */
export const verifyDkim = definePlugin({
  name: 'dkim',
  options: dkimOptions,
  needs: { dns: Dns },
  setup: ({ options, dns, signal }) => {
    const keys = new KeyStore(options)
    const arrivals = new Arrivals((context) => {
      // The server's own signal, not the hook's: the lookups outlive the hook in which they began.
      const now = context.now()
      return new Verification(options, { keys: keys.forMessage({ dns: forMessage(dns, context), signal, now }), now })
    })
    return {
      receive: (context) => arrivals.listen(context),
      message: {
        provides: [dkimFact],
        handler(context) {
          const conclude = (found: Dkim) => {
            context.set(dkimFact, found)
            return judge(found, options)
          }
          const found = arrivals.finish(context)
          return found instanceof Promise ? found.then(conclude) : conclude(found)
        },
      },
      commands: dkimCommands(dns),
    }
  },
})

/** The opinion on the best result. */
export function judge(found: Dkim, options: DkimOptions): MessageOpinion | undefined {
  const result = overall(found)
  return toOpinion(options[result], {
    text: result === 'none' ? 'The message has no DKIM signature' : 'The message has no acceptable DKIM signature',
    reason: `dkim=${result}`,
    // RFC 7372 §3.1.
    rejectStatus: REJECT_STATUS[result],
    deferStatus: '4.7.5',
  })
}

const REJECT_STATUS: Readonly<Record<DkimResult, '5.7.20' | '5.7.21' | '5.7.5'>> = {
  none: '5.7.20',
  pass: '5.7.21',
  fail: '5.7.20',
  policy: '5.7.21',
  neutral: '5.7.20',
  permerror: '5.7.20',
  temperror: '5.7.5',
}
