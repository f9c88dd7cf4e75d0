/** DMARC: is the author who the From field says, and what does their domain want done if not? RFC 9989. */
import { arcFact, type Dmarc, dkimFact, dmarcFact, type MessageAction, spfFact, toOpinion } from '@postroad/authres'
import { forMessage } from '@postroad/dns'
import { Dns, definePlugin, type MessageOpinion } from '@postroad/plugin'
import { readAuthor } from './author.ts'
import { DmarcChecks } from './check.ts'
import { type DmarcOptions, dmarcOptions, readTrust } from './options.ts'

/**
 * Evaluates DMARC at `message`, sets `dmarcFact`, and follows the policy of the author's domain unless a trusted forwarder explains the failure.
 * Authenticated clients and UNIX sockets are not checked.
 *
 * @example mx.use(spf()).use(dkim()).use(dmarc({ trust: ['lists.example.org'] }))
 */
export const dmarc = definePlugin({
  name: 'dmarc',
  options: dmarcOptions,
  needs: { dns: Dns },
  setup: ({ options, dns }) => {
    const trust = readTrust(options.trust)
    const checks = new DmarcChecks()
    return {
      message: {
        // Without spf and dkim in the scope every message would fail: the host refuses to start. arc is optional.
        after: [spfFact, dkimFact, 'arc'],
        provides: [dmarcFact],
        handler(context) {
          const { session, message, find } = context
          if (session.identity !== undefined || session.remote.address === '') return undefined
          const evidence = {
            author: readAuthor(message.headers),
            spf: find(spfFact),
            dkim: find(dkimFact),
            arc: find(arcFact),
            address: session.remote.address,
          }
          const deps = { dns: forMessage(dns, context), now: context.now(), context, trust, options }
          const conclude = (found: Dmarc) => {
            context.set(dmarcFact, { ...found, disposition: dispositionOf(actionFor(found, options)) })
            return judge(found, options)
          }
          const found = checks.check(evidence, deps)
          return found instanceof Promise ? found.then(conclude) : conclude(found)
        },
      },
    }
  },
})

/** The opinion on a result. */
export function judge(found: Dmarc, options: DmarcOptions): MessageOpinion | undefined {
  const isUnknown = found.result === 'temperror'
  const text = isWithoutAuthor(found)
    ? 'The message has no author: its From field names no domain'
    : `DMARC check failed for ${found.domain || 'the author'}`
  return toOpinion(actionFor(found, options), {
    text: isUnknown
      ? 'DMARC check could not be done, try again later'
      : found.result === 'permerror'
        ? 'The author of the message is ambiguous'
        : text,
    reason: `dmarc=${found.result} from=${found.domain}${found.policy === undefined ? '' : ` p=${found.policy}`}`,
    // RFC 7372 §3.3: several checks failed. RFC 3463: 4.4.3, a directory server did not answer.
    rejectStatus: found.result === 'permerror' || isWithoutAuthor(found) ? '5.6.0' : '5.7.26',
    deferStatus: isUnknown ? '4.4.3' : '4.7.26',
  })
}

function actionFor(found: Dmarc, options: DmarcOptions): MessageAction {
  const { result, policy, override, aligned } = found
  if (isWithoutAuthor(found)) return options.noAuthor
  if (result === 'temperror') return onlyOutcome({ policy, override, aligned }, options) ?? options.temperror
  if (result !== 'fail') return options[result]
  return override === undefined ? actionByPolicy(policy, options) : options.overridden
}

/** Nobody says they are the author; a domain that has no policy is named. */
function isWithoutAuthor({ result, domain }: Dmarc): boolean {
  return result === 'none' && domain === ''
}

/** What the owner of the domain is told of it, RFC 9990 §3.1.1.7. */
function dispositionOf(action: MessageAction): Dmarc['disposition'] {
  if (action === 'defer') return undefined
  return action === 'reject' || action === 'quarantine' ? action : 'none'
}

function actionByPolicy(policy: Dmarc['policy'], options: DmarcOptions): MessageAction {
  return policy === 'reject' || policy === 'quarantine' ? options[policy] : options.monitor
}

/** What is not known need not be known where every answer comes to the same: nobody is to try again for nothing. */
function onlyOutcome(
  { policy, override, aligned }: Pick<Dmarc, 'policy' | 'override' | 'aligned'>,
  options: DmarcOptions,
): MessageAction | undefined {
  const { pass, none, overridden, monitor, quarantine, reject } = options
  const failed = policy === undefined ? [none, monitor, quarantine, reject] : [actionByPolicy(policy, options)]
  const possible = aligned.length > 0 ? [none] : override === undefined ? [...failed, overridden] : [none, overridden]
  return possible.every((action) => JSON.stringify(action) === JSON.stringify(pass)) ? pass : undefined
}
