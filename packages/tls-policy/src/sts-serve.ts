/** The other side of MTA-STS: a policy of one's own, its record, and whether DNS, the web server and the MX records say the same. RFC 8461 §3. */
import { createHash } from 'node:crypto'
import type { StsFetched } from './sts-fetch.ts'
import { namesHost, parseStsPolicy, type StsPolicy, stsId } from './sts-policy.ts'

/** A policy as it is served. */
export interface ServedSts {
  readonly policy: StsPolicy
  /** RFC 8461 §3.2. */
  readonly text: string
  /** For the record: another policy has another id, so nobody can forget to change it. */
  readonly id: string
}

/** Writes a policy. @throws {RangeError} that says what is wrong with it */
export function serveSts({ mode, mx, maxAge }: StsPolicy): ServedSts {
  const lines = ['version: STSv1', `mode: ${mode}`, ...mx.map((name) => `mx: ${name}`), `max_age: ${maxAge}`]
  const text = `${lines.join('\r\n')}\r\n`
  const policy = parseStsPolicy(text)
  if ('mistake' in policy) throw new RangeError(policy.mistake)
  return { policy, text, id: createHash('sha256').update(text).digest('hex').slice(0, 20) }
}

/** What others see of a domain. */
export interface SeenSts {
  /** TXT records below `_mta-sts`. Undefined: DNS does not answer. */
  readonly texts: readonly string[] | undefined
  readonly fetched: StsFetched
  /** Names in the MX records. Undefined: DNS does not answer. */
  readonly mx: readonly string[] | undefined
}

/** What does not agree, the most urgent first; empty when everything does. */
export function adviseSts(
  domain: string,
  { policy, id }: ServedSts,
  { texts, fetched, mx }: SeenSts,
): readonly string[] {
  const said: string[] = []
  const unnamed = policy.mode === 'none' ? [] : (mx ?? []).filter((host) => !namesHost(policy, host))
  if (unnamed.length > 0)
    said.push(
      `The policy does not name ${unnamed.join(', ')}: who obeys it brings nothing there. Serve it, and only then change the MX records`,
    )
  if (mx === undefined) said.push(`DNS does not say what MX records ${domain} has`)
  if ('failure' in fetched)
    said.push(`https://mta-sts.${domain}/.well-known/mta-sts.txt cannot be had: ${fetched.reason}`)
  else if (!isSame(fetched.policy, policy))
    said.push(`What is served at mta-sts.${domain} is another policy than this one`)
  const record = `_mta-sts.${domain}. IN TXT "v=STSv1; id=${id};"`
  const published = texts && stsId(texts)
  if (texts === undefined) said.push(`DNS does not say whether there is a record _mta-sts.${domain}`)
  else if (published === undefined) said.push(`There is no valid record: publish ${record}`)
  else if (published !== id) said.push(`The record has the id ${published}, of another policy: publish ${record}`)
  return said
}

function isSame(one: StsPolicy, other: StsPolicy): boolean {
  return (
    one.mode === other.mode && one.maxAge === other.maxAge && one.mx.toSorted().join() === other.mx.toSorted().join()
  )
}
