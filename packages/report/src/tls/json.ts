/** Reports on TLS as JSON, RFC 8460 §4.4: written as the standard has them, read as everybody writes them. */
import type { TlsReport, TlsReportFailure, TlsReportPolicy } from './model.ts'

/** The document. */
export function writeTlsReport({ organization, contact, id, begin, end, policies }: TlsReport): string {
  return JSON.stringify({
    'organization-name': organization,
    'date-range': { 'start-datetime': dateTime(begin), 'end-datetime': dateTime(end) },
    'contact-info': contact,
    'report-id': id,
    policies: policies.map(policyOf),
  })
}

function policyOf({ type, strings, domain, mxHosts, successful, failed, failures }: TlsReportPolicy): object {
  return {
    policy: {
      'policy-type': type,
      ...(strings.length > 0 && { 'policy-string': strings }),
      'policy-domain': domain,
      ...(mxHosts.length > 0 && { 'mx-host': mxHosts }),
    },
    summary: { 'total-successful-session-count': successful, 'total-failure-session-count': failed },
    ...(failures.length > 0 && { 'failure-details': failures.map(failureOf) }),
  }
}

function failureOf(failure: TlsReportFailure): object {
  return {
    'result-type': failure.type,
    'sending-mta-ip': failure.sendingIp,
    'receiving-mx-hostname': failure.mxHost,
    'receiving-mx-helo': failure.mxHelo,
    'receiving-ip': failure.receivingIp,
    'failed-session-count': failure.count,
    'additional-information': failure.information,
    'failure-reason-code': failure.reason,
  }
}

/** RFC 3339. */
function dateTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** Of everything that is repeated in one report. */
const MAX_ITEMS = 10_000
/** Levels of a report; JSON that is deeper is none. */
const MAX_DEPTH = 20

/** A report, or a sentence that says why it is none. Does not throw. */
export function readTlsReport(text: string): TlsReport | { readonly mistake: string } {
  if (isDeep(text)) return { mistake: `its values are more than ${MAX_DEPTH} deep` }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { mistake: 'it is no JSON' }
  }
  const report = objectOf(value)
  const range = objectOf(report['date-range'])
  const begin = Date.parse(textOf(range['start-datetime']))
  const end = Date.parse(textOf(range['end-datetime']))
  if (Number.isNaN(begin) || Number.isNaN(end)) return { mistake: 'it does not say of which time it is' }
  if (!Array.isArray(report['policies'])) return { mistake: 'it has no policies' }
  return {
    organization: textOf(report['organization-name']),
    contact: textOf(report['contact-info']),
    id: textOf(report['report-id']),
    begin,
    end,
    policies: listOf(report['policies']).map(readPolicy),
  }
}

function readPolicy(value: unknown): TlsReportPolicy {
  const one = objectOf(value)
  const policy = objectOf(one['policy'])
  const summary = objectOf(one['summary'])
  return {
    type: textOf(policy['policy-type']) || 'no-policy-found',
    strings: listOf(policy['policy-string']).map(textOf),
    domain: textOf(policy['policy-domain']).toLowerCase(),
    mxHosts: listOf(policy['mx-host']).map(textOf),
    successful: countOf(summary['total-successful-session-count']),
    failed: countOf(summary['total-failure-session-count']),
    failures: listOf(one['failure-details']).map(readFailure),
  }
}

function readFailure(value: unknown): TlsReportFailure {
  const failure = objectOf(value)
  return {
    type: textOf(failure['result-type']),
    count: countOf(failure['failed-session-count']),
    sendingIp: optional(failure['sending-mta-ip']),
    mxHost: optional(failure['receiving-mx-hostname']),
    mxHelo: optional(failure['receiving-mx-helo']),
    receivingIp: optional(failure['receiving-ip']),
    information: optional(failure['additional-information']),
    reason: optional(failure['failure-reason-code']),
  }
}

/** Without reading it: JSON.parse has no limit, and a stack has. */
function isDeep(text: string): boolean {
  let depth = 0
  let isText = false
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (isText) {
      if (character === BACKSLASH) at++
      else if (character === QUOTE) isText = false
    } else if (character === QUOTE) isText = true
    else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      if (++depth > MAX_DEPTH) return true
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) depth--
  }
  return false
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>) // just looked at
    : {}
}

/** Some write one value where the standard has a list of them. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, MAX_ITEMS) : value === undefined || value === null ? [] : [value]
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 4_096) : ''
}

function optional(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 4_096) : undefined
}

function countOf(value: unknown): number {
  const count = typeof value === 'string' ? Number(value) : value
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : 0
}
