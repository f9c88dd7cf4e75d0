/** What rspamd is told of a message besides its octets: fields of the request. */
import { isIP } from 'node:net'
import { arcFact, dkimFact, dmarcFact, spfFact } from '@postroad/authres'
import { type Address, type MessageContext, reverseDns } from '@postroad/plugin'
import { authenticationSettings } from './authentication.ts'
import type { RspamdOptions } from './options.ts'

/** For whom is asked. */
export interface Group {
  readonly recipients: readonly Address[]
  /** Whose settings count; undefined where nobody's do. */
  readonly deliverTo: string | undefined
}

/** Names and values, one after the other, as undici takes them where names come again. */
export type RequestFields = readonly string[]

/** The fields of a request about this message. */
export function requestFields(
  context: MessageContext,
  { recipients, deliverTo }: Group,
  options: RspamdOptions & { readonly hostname: string },
): RequestFields {
  const { session, envelope, helo, find } = context
  const { settingsId, mtaName = options.hostname, mtaTag, passAll, zstd } = options
  const dns = find(reverseDns)
  const settings = allSettings(context, options)
  const flags = ['milter', 'body_block', 'groups', ...(passAll ? ['pass_all'] : []), ...(zstd ? ['zstd'] : [])]
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['Queue-Id', envelope.id],
    // A client on a UNIX socket, or one that nobody names, has no address.
    ['IP', isIP(session.remote.address) > 0 ? session.remote.address : undefined],
    ['Helo', helo.name],
    ['Hostname', dns?.result === 'pass' ? dns.name : undefined],
    ['From', `<${envelope.from ?? ''}>`],
    ...recipients.map((recipient) => ['Rcpt', `<${recipient}>`] as const),
    ['Deliver-To', deliverTo],
    ['User', session.identity?.name],
    ['TLS-Cipher', session.tls?.cipher],
    ['TLS-Version', session.tls?.version],
    ['MTA-Name', mtaName],
    ['MTA-Tag', mtaTag],
    ['Settings-ID', settingsId],
    ['Settings', settings && JSON.stringify(settings)],
    ['Pass', passAll ? 'all' : undefined],
    ['Flags', flags.join(',')],
    ['Compression', zstd ? 'zstd' : undefined],
  ]
  return fields.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [name, inField(value)]))
}

/** The operator's settings, with our results in them. */
function allSettings(
  { find }: MessageContext,
  { settings, authentication }: RspamdOptions,
): Readonly<Record<string, unknown>> | undefined {
  if (authentication === 'rspamd') return settings
  const ours = authenticationSettings({
    spf: find(spfFact),
    dkim: find(dkimFact),
    arc: find(arcFact),
    dmarc: find(dmarcFact),
  })
  const { groups_disabled: disabled = [], symbols = [] } = settings ?? {}
  return {
    ...settings,
    groups_disabled: [...(Array.isArray(disabled) ? disabled : []), ...ours.groups_disabled],
    // The operator's own may be a list, or an object with scores.
    symbols: Array.isArray(symbols)
      ? [...symbols, ...ours.symbols]
      : { ...Object(symbols), ...Object.fromEntries(ours.symbols.map((name) => [name, 1])) },
  }
}

/** Octets beyond ASCII go as UTF-8; a stranger's words have no line breaks and nothing else that ends a field. */
function inField(value: string): string {
  return Buffer.from(value.replace(/[\0-\x1f\x7f]/g, ' '), 'utf8').toString('latin1')
}

/** The groups that are asked about: all together, or each recipient or domain by itself. */
export function groupsOf(recipients: readonly Address[], by: RspamdOptions['perRecipient']): readonly Group[] {
  if (by === undefined) {
    const [only] = recipients
    return [{ recipients, deliverTo: recipients.length === 1 ? only?.toString() : undefined }]
  }
  const groups = new Map<string, Address[]>()
  for (const recipient of recipients) {
    const wanted = by === 'domain' ? recipient.domain : recipient.toString()
    // A client that names a thousand recipients does not have a message scanned a thousand times.
    const key = groups.has(wanted) || groups.size < MOST_GROUPS ? wanted : ''
    groups.set(key, [...(groups.get(key) ?? []), recipient])
  }
  return [...groups].map(([key, group]) => ({
    recipients: group,
    deliverTo: key === '' ? undefined : by === 'domain' ? `@${key}` : key,
  }))
}

/** Recipients beyond so many questions are asked about together. */
const MOST_GROUPS = 20
