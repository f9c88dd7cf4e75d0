/** ARC: what did those see who had this message before us? RFC 8617. */
import { type Arc, arcFact, describe, dkimFact, dmarcFact, nodeResolver, spfFact, unlessAborted, writeAuthResults } from '@postroad/authres'
import { forMessage } from '@postroad/dns'
import { type DataContext, Dns, definePlugin, type MessageContext } from '@postroad/plugin'
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
    const key = options.seal === undefined ? undefined : await readSealKey({ ...options.seal, file: resolve(options.seal.file) })
    const authservId = options.seal?.authservId ?? hostname
    const arriving = new WeakMap<object, { readonly id: string; readonly verification: ArcVerification; isComplete: boolean }>()
    const begin = (context: DataContext) =>
      new ArcVerification(options, { resolver: nodeResolver(forMessage(dns, context), signal), now: context.now() })
    return {
      receive(context) {
        const entry = { id: context.envelope.id, verification: begin(context), isComplete: false }
        arriving.set(context.session, entry)
        return {
          write: (chunk) => entry.verification.write(chunk),
          end: () => {
            entry.isComplete = true
          },
          abort: () => void arriving.delete(context.session),
        }
      },
      message: {
        provides: [arcFact],
        handler(context) {
          const entry = arriving.get(context.session)
          arriving.delete(context.session)
          const conclude = (found: Arc) => context.set(arcFact, found)
          const isHere = entry?.isComplete === true && entry.id === context.envelope.id
          const found = isHere ? entry.verification.finish() : readAll(begin(context), context).then((late) => late.finish())
          return found instanceof Promise ? unlessAborted(found, context.signal).then(conclude) : conclude(found)
        },
      },
      ...(key && {
        rewrite: {
          after: ['auth-results'],
          async handler(context: MessageContext) {
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

/** For messages that did not arrive through `receive`: replay, and `postroad try`. */
async function readAll(verification: ArcVerification, { message }: MessageContext): Promise<ArcVerification> {
  for await (const chunk of message.raw()) verification.write(chunk)
  return verification
}
