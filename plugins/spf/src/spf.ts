/** SPF: may this client send mail in the name of this domain? RFC 7208. */
import { type Spf, type SpfCheck, spfFact, toOpinion } from '@postroad/authres'
import { forMessage } from '@postroad/dns'
import { type CommandOpinion, Dns, definePlugin } from '@postroad/plugin'
import { SpfChecks } from './check.ts'
import { type SpfOptions, spfOptions } from './options.ts'

/** Longer than the check itself may take: its own limit gives a temperror, the hook's would be a failure. */
const MARGIN_MS = 2000

/**
 * Checks MAIL FROM and HELO at MAIL, both at once, sets `spfFact`, and answers with what the operator says the result is worth.
 * Authenticated clients and UNIX sockets are not checked.
 *
 * @example mx.use(spf({ fail: 'reject', softfail: 2 }))
 */
export const spf = definePlugin({
  name: 'spf',
  options: spfOptions,
  needs: { dns: Dns },
  setup: ({ options, dns, hostname }) => {
    const checks = new SpfChecks()
    return {
      mail: {
        provides: [spfFact],
        timeout: options.timeout + MARGIN_MS,
        handler(context) {
          const { session, helo, envelope } = context
          if (session.identity !== undefined || session.remote.address === '') return undefined
          const deps = { dns: forMessage(dns, context), now: context.now(), timeout: options.timeout, context }
          const claim = { ip: session.remote.address, helo: helo.name, hostname }
          const asHelo =
            options.helo || envelope.from === undefined ? checks.check({ ...claim, from: undefined }, deps) : undefined
          const mailFrom = envelope.from === undefined ? asHelo : checks.check({ ...claim, from: envelope.from }, deps)
          const conclude = (heloCheck: SpfCheck | undefined, mailFromCheck: SpfCheck | undefined) => {
            if (mailFromCheck === undefined) return undefined
            const found: Spf = { mailFrom: mailFromCheck, helo: heloCheck }
            context.set(spfFact, found)
            return judge(found, options)
          }
          if (!(asHelo instanceof Promise || mailFrom instanceof Promise)) return conclude(asHelo, mailFrom)
          return Promise.all([asHelo, mailFrom]).then(([one, other]) => conclude(one, other))
        },
      },
    }
  },
})

/** The opinions on both identities. */
export function judge({ mailFrom, helo }: Spf, options: SpfOptions): CommandOpinion[] {
  const opinions = [
    helo?.result === 'fail' ? toOpinion(options.heloFail, say(helo, options.explain)) : undefined,
    // RFC 7208 §2.4: for the null reverse-path both are one.
    mailFrom.identity === 'helo' && mailFrom.result === 'fail' && helo
      ? undefined
      : toOpinion(options[mailFrom.result], say(mailFrom, options.explain)),
  ]
  return opinions.filter((opinion) => opinion !== undefined)
}

function say(check: SpfCheck, explain: boolean) {
  const name = check.identity === 'helo' ? 'HELO' : 'MAIL FROM'
  const isError = check.result === 'permerror' || check.result === 'temperror'
  const text = isError
    ? `SPF ${name} check of ${check.domain} could not be done`
    : `SPF ${name} check failed for ${check.domain}`
  // RFC 7208 §8.4: it must be clear that these are a stranger's words.
  const explanation =
    explain && check.explanation !== undefined ? `\nThe domain ${check.domain} explains:\n${check.explanation}` : ''
  return {
    text: text + explanation,
    reason: `spf=${check.result} ${check.identity}=${check.domain}`,
    // RFC 7372 §3.2.
    rejectStatus: isError ? '5.7.24' : '5.7.23',
    deferStatus: isError ? '4.7.24' : '4.7.23',
  } as const
}
