/** Puts a text under every message: where its reader sees it, and so that no signature of its author breaks. */
import { definePlugin } from '@postroad/plugin'
import { z } from 'zod'
import { planDisclaimer, withDisclaimer } from './disclaimer/plan.ts'
import { wordsOf } from './disclaimer/words.ts'

/**
 * Text is put into the text of a message, HTML into its HTML; what must not be touched is wrapped, and what is encrypted is left alone.
 *
 * @example app.use(disclaimer({ text: 'Example Ltd, registered in Example Town, No. 1234' }))
 */
export const disclaimer = definePlugin({
  name: 'disclaimer',
  options: z.strictObject({
    /** Plain text, of any number of lines. */
    text: z.string().trim().min(1).max(20_000),
    /** A fragment for HTML; default: the text. */
    html: z.string().trim().min(1).max(100_000).optional(),
  }),
  setup({ options }) {
    const words = wordsOf(options)
    return {
      rewrite: {
        changes: 'body',
        after: ['strip-attachments'],
        async handler({ message, log }) {
          const plan = await planDisclaimer(message, words)
          log.debug({ how: plan.how, why: plan.why }, 'disclaimer')
          return withDisclaimer(message, plan)
        },
      },
    }
  },
})
