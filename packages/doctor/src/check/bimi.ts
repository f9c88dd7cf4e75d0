/** A picture beside the mail of a domain, where mailbox providers show one. */
import type { Check } from '../check.ts'
import { fault, ok, remark, unknown } from '../finding.ts'
import { look, tags } from '../look.ts'
import { findDmarc } from './dmarc.ts'

/** BIMI, where it is published. */
export const bimi: Check = {
  name: 'bimi',
  group: 'outside',
  summary:
    'Where a picture is published (BIMI) it is at an https address, and DMARC is enforced, without which nobody shows it.',
  rfc: 'draft-brand-indicators-for-message-identification §4',
  run: async (context) =>
    Promise.all(
      context.domains.map(async (domain) => {
        const name = `default._bimi.${domain}`
        const rfc = 'draft-brand-indicators-for-message-identification §4'
        const found = await look(context.dns.txt(name, context.signal))
        if (!found.isKnown) return unknown(domain, `TXT ${name}`, found.code)
        const records = found.records.filter((text) => /^v\s*=\s*BIMI1\s*;/i.test(text))
        if (found.records.length === 0) return ok(domain, 'none, and none is needed')
        if (records.length !== 1)
          return fault(
            domain,
            records.length === 0
              ? 'a record that does not begin with v=BIMI1;'
              : `${records.length} records: to others that is none`,
            { rfc, fix: `Keep one record at ${name}.` },
          )
        const known = tags(records[0] ?? '')
        const at = known.get('l') ?? ''
        if (at !== '' && !/^https:\/\/\S+\.svgz?(?:[?#]\S*)?$/i.test(at))
          return fault(domain, `l=${at} is no SVG at an https address`, {
            rfc,
            fix: 'Serve the picture (SVG Tiny PS) by https, and name that address.',
          })
        const policy = await findDmarc(domain, context)
        const p = policy !== undefined && 'record' in policy ? tags(policy.record).get('p')?.toLowerCase() : undefined
        if (p !== 'quarantine' && p !== 'reject')
          return fault(domain, `DMARC is ${p === undefined ? 'not there' : `p=${p}`}: nobody shows the picture`, {
            rfc,
            fix: 'Say p=quarantine or p=reject in the DMARC record.',
          })
        if (!known.get('a'))
          return remark(domain, 'no mark certificate (a=): Gmail and Apple show nothing without one', {
            rfc,
            fix: 'Get one (VMC or CMC), and name it with a=.',
          })
        return ok(domain, at)
      }),
    ),
}
