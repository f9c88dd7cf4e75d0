/** How many complain. */
import type { Check } from '../check.ts'
import { fault, ok, remark } from '../finding.ts'
import { GMAIL } from './sender-context.ts'

/** What receivers want, and what they end the patience at. */
const WANTED = 0.001
const END = 0.003
/** With less mail a single complaint would be too many. */
const ENOUGH = 1_000

/** By the records of this server; of receivers that report. */
export const complaints: Check = {
  name: 'complaints',
  group: 'outside',
  summary: 'Fewer than 1 in 1,000 recipients complain, and never 3.',
  rfc: '',
  askedBy: ['Gmail', 'Yahoo'],
  async run({ domains, sender }) {
    const [subject = ''] = domains
    const traffic = sender?.traffic
    const rfc = GMAIL
    if (!traffic)
      return [
        remark(subject, 'not known: there are no records', {
          fix: 'Use the plugins history and bounces (complaints, cfbl), and ask where they are; Gmail shows its own rate in Postmaster Tools.',
        }),
      ]
    const { days, delivered, complaints: heard } = traffic
    const rate = heard / Math.max(1, delivered)
    const seen = `${heard} complaints of ${delivered} recipients in ${days} days (${(rate * 100).toFixed(2)} %)`
    if (delivered < ENOUGH) return [ok(subject, `${seen}: too few to say more`)]
    const fix = 'Write to those only who have asked for it, drop who never reads, and make leaving easy: unsubscribe.'
    if (rate >= END) return [fault(subject, seen, { rfc, fix })]
    return [rate >= WANTED ? remark(subject, seen, { rfc, fix }) : ok(subject, seen)]
  },
}
