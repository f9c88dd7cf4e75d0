/** Whether others are told not to take our mail, RFC 5782. */
import { isIPv4 } from 'node:net'
import { reverseName } from '@postroad/dns'
import type { HealthFinding } from '@postroad/plugin'
import type { Blocklist, Check, DoctorContext } from '../check.ts'
import { fault, ok, remark } from '../finding.ts'
import { look } from '../look.ts'
import { isPrivate } from '../private.ts'

/** DNS lists. */
export const blocklist: Check = {
  name: 'blocklist',
  group: 'outside',
  summary:
    'Our addresses and domains are on no list; the test entry of each list is asked first, so that a silent one is not taken for a good word.',
  rfc: 'RFC 5782 §5',
  run: async (context) => (await Promise.all(context.blocklists.map((list) => ofList(list, context)))).flat(),
}

/** Lists answer so to who may not ask: Spamhaus of public resolvers and too many questions, others likewise. */
const REFUSAL = /^127\.255\.255\.\d+$/
const ANSWER = /^127\.\d+\.\d+\.\d+$/

async function ofList(list: Blocklist, context: DoctorContext): Promise<readonly HealthFinding[]> {
  const { zone, of, test = of === 'address' ? '127.0.0.2' : 'test' } = list
  const rfc = 'RFC 5782 §5'
  const known = await ask(test, zone, context)
  if (known.code !== undefined)
    return [
      remark(zone, `the list does not answer (${known.code}): nothing is known`, {
        rfc,
        fix: 'Ask later, or take the list out of --blocklist.',
      }),
    ]
  const refusal = known.records.find((one) => REFUSAL.test(one))
  if (refusal !== undefined)
    return [
      remark(zone, `the list refuses to answer us (${refusal}), which is no listing: ${known.text}`, {
        rfc: 'RFC 5782 §2.1',
        fix: 'Use a resolver of your own in place of a public one, or the key that the list gives you.',
      }),
    ]
  if (known.records.length === 0)
    return [
      remark(zone, 'its test entry is not there: the list is dead, or its answers do not reach us', {
        rfc,
        fix: 'Take the list out of --blocklist, or look at the resolver.',
      }),
    ]
  const unlisted = await ask(of === 'address' ? '127.0.0.1' : 'invalid', zone, context)
  if (unlisted.records.length > 0)
    return [
      remark(zone, 'it lists everything: it is dead, and its answers mean nothing', {
        rfc,
        fix: 'Take the list out of --blocklist.',
      }),
    ]
  const subjects = of === 'address' ? context.addresses.filter((one) => !isPrivate(one)) : context.domains
  return Promise.all(subjects.map((subject) => ofSubject(subject, list, context)))
}

async function ofSubject(subject: string, { zone }: Blocklist, context: DoctorContext): Promise<HealthFinding> {
  const { records, text, code } = await ask(subject, zone, context)
  const rfc = 'RFC 5782 §2.1'
  if (code !== undefined) return remark(subject, `${zone} does not answer (${code})`, { rfc, fix: 'Ask later.' })
  if (records.length === 0) return ok(subject, `not on ${zone}`)
  if (records.some((one) => REFUSAL.test(one)))
    return remark(subject, `${zone} refuses to answer us (${records.join(' ')}), which is no listing`, {
      rfc,
      fix: 'Use a resolver of your own.',
    })
  if (!records.every((one) => ANSWER.test(one)))
    return remark(
      subject,
      `${zone} answers ${records.join(' ')}, which no list does: something on the way makes answers up`,
      { rfc, fix: 'Look at the resolver.' },
    )
  return fault(subject, `listed by ${zone} (${records.join(' ')})${text === '' ? '' : `: ${text}`}`, {
    rfc,
    fix: 'Find out why on the page of the list, mend it, and only then ask to be taken off.',
  })
}

interface Said {
  readonly records: readonly string[]
  readonly text: string
  /** Why nobody knows. */
  readonly code?: string
}

async function ask(subject: string, zone: string, { dns, signal }: DoctorContext): Promise<Said> {
  const isAddress = isIPv4(subject) || subject.includes(':')
  const name = `${isAddress ? (reverseName(subject) ?? '').replace(/\.(?:in-addr|ip6)\.arpa$/, '') : subject}.${zone}`
  const found = await look(dns.a(name, signal))
  if (!found.isKnown) return { records: [], text: '', code: found.code }
  if (found.records.length === 0) return { records: [], text: '' }
  const why = await look(dns.txt(name, signal))
  return { records: found.records, text: why.isKnown ? why.records.join(' ').slice(0, 200) : '' }
}
