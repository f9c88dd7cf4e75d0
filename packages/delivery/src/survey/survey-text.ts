/** A survey as people read it. */
import type { Survey, SurveyedAddress, SurveyedConnection, SurveyedHost, SurveyedPolicy } from './survey.ts'

/** Lines, without a line break at their ends; whatever others have said is escaped by who prints. */
export function surveyText({ domain, route, reply, hosts }: Survey): readonly string[] {
  if (route.via !== 'smtp')
    return [`${domain}: its mail goes by ${route.via}, and no mail host is looked up; nothing is to be said of TLS`]
  const way =
    route.host === undefined ? 'by MX' : `to ${route.host}, as routing says; what its domain publishes does not matter`
  const own = route.tls === undefined ? '' : `; the route says tls: ${route.tls}, which goes before what is published`
  const lines = [`${domain}: ${way}${own}`]
  if (reply) lines.push(`  goes nowhere: ${reply.code} ${reply.status ?? ''} ${reply.text}`)
  return [...lines, ...hosts.flatMap(hostLines)]
}

function hostLines({ name, preference, isSigned, isIncomplete, addresses }: SurveyedHost): string[] {
  const sign =
    isSigned === undefined ? 'named by you' : isSigned ? 'MX record signed by DNSSEC' : 'MX record not signed'
  const lines = [`  ${preference} ${name} (${sign})`]
  if (isIncomplete) lines.push('    DNS does not answer for all of its addresses')
  else if (addresses.length === 0) lines.push('    has no address')
  return [...lines, ...addresses.flatMap(addressLines)]
}

function addressLines(one: SurveyedAddress): string[] {
  const { address, isSigned, canonical, published, policy, connection } = one
  const lines = [
    address === undefined
      ? '    looked up when it is connected to'
      : `    ${address} (${isSigned ? 'signed' : 'not signed'}${canonical === undefined ? '' : `, of ${canonical}`})`,
  ]
  for (const { source, reason, records, isObeyed } of published) {
    lines.push(line(NAMES.get(source) ?? source, isObeyed ? reason : `${reason}; ${whyNot(one, source)}`))
    for (const record of records) lines.push(line('', record))
  }
  lines.push(line('policy', policyText(policy)))
  if (connection) lines.push(line('TLS', connectionText(connection)))
  return lines
}

const NAMES: ReadonlyMap<string, string> = new Map([
  ['dane', 'DANE'],
  ['sts', 'MTA-STS'],
])

function whyNot({ policy, published }: SurveyedAddress, source: string): string {
  const first = published.find(({ isObeyed }) => isObeyed)
  if ('source' in policy && policy.source === 'route') return 'not asked, for the route says what counts'
  if (source === 'sts' && first?.source === 'dane' && isDanes(policy)) return 'not asked, for DANE goes first'
  return `not obeyed: no plugin asks for it (${source === 'sts' ? 'mta-sts' : source})`
}

function isDanes(policy: SurveyedPolicy): boolean {
  return 'refusal' in policy || policy.source === 'dane'
}

function line(name: string, text: string): string {
  return `      ${name.padEnd(8)} ${text}`
}

const MODES = {
  none: 'in the clear, always',
  opportunistic: 'TLS where it is offered, with any certificate; else in the clear',
  required: 'TLS or no mail',
  implicit: 'TLS from the first octet or no mail',
} as const

function policyText(policy: SurveyedPolicy): string {
  if ('refusal' in policy) {
    const { code, status, text } = policy.refusal
    return `gets no mail: ${code} ${status ?? ''} ${text}`
  }
  const { mode, source, isVerified, servername, minimumGroup } = policy
  const binding = mode === 'required' || mode === 'implicit'
  return [
    MODES[mode],
    ...(binding ? [isVerified ? 'the certificate is verified' : 'any certificate'] : []),
    ...(minimumGroup === undefined ? [] : [`at least ${minimumGroup}`]),
    ...(servername === undefined ? [] : [`SNI ${servername}`]),
    `by ${SOURCES.get(source) ?? source}`,
  ].join(', ')
}

const SOURCES: ReadonlyMap<string, string> = new Map([
  ['dane', 'DANE'],
  ['sts', 'MTA-STS'],
  ['route', 'the route'],
  ['options', 'your options'],
])

function connectionText(connection: SurveyedConnection): string {
  if ('failed' in connection) return `no connection that may have mail (${connection.stage}): ${connection.failed}`
  if (connection.tls === 'none') return `none: ${connection.reason}`
  const { version, cipher, group, verified, certificate } = connection.tls
  return [
    [version, group, cipher].filter(Boolean).join(' '),
    verified === undefined ? 'not verified' : `verified ${verified}`,
    ...(certificate === undefined
      ? []
      : [`certificate until ${new Date(certificate.notAfter).toISOString().slice(0, 10)}`]),
    ...(connection.passesRequireTls ? ['passes REQUIRETLS on'] : []),
  ].join(', ')
}
