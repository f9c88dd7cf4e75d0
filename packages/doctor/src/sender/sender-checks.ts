/** The rules of the large receivers, each once: where a check of a server is the rule, it is that check. */
import { dkimSelector } from '../check/dkim.ts'
import { dmarc } from '../check/dmarc.ts'
import { helo, ptr } from '../check/name.ts'
import { spf } from '../check/spf.ts'
import type { Check, DoctorContext } from '../check.ts'
import { complaints } from './complaints.ts'
import { alignment, authors, fromDomain, returnPathsOf } from './domain.ts'
import { deliveryTls, format, oneClick } from './message.ts'

const ALL = ['Gmail', 'Yahoo', 'Microsoft']

/** The same check, of other domains than those that were asked about. */
function about(check: Check, domainsOf: (context: DoctorContext) => readonly string[]): Check {
  return { ...check, run: (context) => check.run({ ...context, domains: domainsOf(context) }) }
}

/** Of the reverse-paths: that is what SPF is about. */
const reversePaths = (context: DoctorContext): readonly string[] => [
  ...new Set(authors(context).flatMap((domain) => returnPathsOf(domain, context))),
]

/** In the order in which they are told. */
export const SENDER_CHECKS: readonly Check[] = [
  { ...fromDomain, askedBy: ALL },
  { ...about(spf, reversePaths), askedBy: ALL },
  { ...about(dkimSelector, authors), askedBy: ALL },
  { ...about(dmarc, authors), askedBy: ALL },
  { ...alignment, askedBy: ALL },
  { ...ptr, askedBy: ['Gmail', 'Yahoo'] },
  { ...helo, askedBy: ['Gmail', 'Yahoo'] },
  deliveryTls,
  { ...format, askedBy: ['Gmail', 'Yahoo'] },
  oneClick,
  complaints,
]
