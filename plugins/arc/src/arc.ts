/** ARC: what did those see who had this message before us? RFC 8617. */
import { type Arc, arcFact, describe, dkimFact, dmarcFact, spfFact, writeAuthResults } from '@postroad/authres'
import { forMessage } from '@postroad/dns'
import { Arrivals, keysFirst, nodeResolver } from '@postroad/mailauth'
import { Dns, definePlugin, type RewriteContext } from '@postroad/plugin'
import { arcOptions } from './options.ts'
import { readSealKey, sealMessage } from './seal.ts'
import { ArcVerification } from './verification.ts'

/**
 * Validates the chain, sets `arcFact` at `message`, and says nothing itself: `dmarc()` believes what trusted sealers saw. Seals only if told to.
 *
 * @example mx.use(arc({ trust: ['lists.example.org'] })).use(dmarc())
 */
export const arc = definePlugin({
  name: 'arc',
  options: arcOptions,
  needs: { dns: Dns },
  setup: async ({ options, dns, hostname, signal, resolve }) => {
    const key =
      options.seal === undefined ? undefined : await readSealKey({ ...options.seal, file: resolve(options.seal.file) })
    const authservId = options.seal?.authservId ?? hostname
    const arrivals = new Arrivals(
      (context) =>
        new ArcVerification(options, {
          resolver: keysFirst(nodeResolver(forMessage(dns, context), signal)),
          now: context.now(),
        }),
    )
    return {
      receive: (context) => arrivals.listen(context),
      message: {
        provides: [arcFact],
        handler(context) {
          const conclude = (found: Arc) => context.set(arcFact, found)
          const found = arrivals.finish(context)
          return found instanceof Promise ? found.then(conclude) : conclude(found)
        },
      },
      ...(key && {
        rewrite: {
          changes: 'seal',
          after: ['auth-results'],
          async handler(context: RewriteContext) {
            const { message, find } = context
            const found = { spf: find(spfFact), dkim: find(dkimFact), arc: find(arcFact), dmarc: find(dmarcFact) }
            const authResults = writeAuthResults(describe(authservId, found))
            return sealMessage(message, { key, authResults, result: found.arc?.result ?? 'none', now: context.now() })
          },
        },
      }),
    }
  },
})
