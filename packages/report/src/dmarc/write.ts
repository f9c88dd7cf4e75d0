/** Writes an aggregate report as XML, in the order and with the words of the schema of RFC 9990 Appendix A. */
import type { DmarcPublished, DmarcRecord, DmarcReport } from './model.ts'

const DISPOSITIONS = ['none', 'quarantine', 'reject']
const REASONS = ['local_policy', 'mailing_list', 'other', 'policy_test_mode', 'trusted_forwarder']
const DKIM_RESULTS = ['none', 'pass', 'fail', 'policy', 'neutral', 'temperror', 'permerror']
const SPF_RESULTS = [...DKIM_RESULTS, 'softfail']
/** RFC 9990 §3.1.3: a row has no more than that. */
const MAX_SIGNATURES = 100

/** The document. What is no word of the schema is left out, so that what comes out is always valid. */
export function writeDmarcReport(report: DmarcReport): string {
  const { organization, email, id, begin, end, generator, errors, published, records } = report
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">',
    '<version>1.0</version>',
    '<report_metadata>',
    element('org_name', organization),
    element('email', email),
    element('report_id', id),
    `<date_range><begin>${seconds(begin)}</begin><end>${seconds(end)}</end></date_range>`,
    optional('error', errors.length === 0 ? undefined : errors.join('; ')),
    optional('generator', generator),
    '</report_metadata>',
    publishedOf(published),
  ]
  for (const record of records) lines.push(recordOf(record))
  lines.push('</feedback>')
  return `${lines.filter((line) => line !== '').join('\n')}\n`
}

function publishedOf({ domain, p, sp, np, adkim, aspf, discovery, fo, testing }: DmarcPublished): string {
  return [
    '<policy_published>',
    element('domain', domain),
    element('p', oneOf(DISPOSITIONS, p) ?? 'none'),
    optional('sp', oneOf(DISPOSITIONS, sp)),
    optional('np', oneOf(DISPOSITIONS, np)),
    optional('adkim', oneOf(['r', 's'], adkim)),
    optional('aspf', oneOf(['r', 's'], aspf)),
    optional('discovery_method', oneOf(['psl', 'treewalk'], discovery)),
    optional('fo', fo),
    optional('testing', oneOf(['y', 'n'], testing)),
    '</policy_published>',
  ].join('')
}

function recordOf(record: DmarcRecord): string {
  const { source, count, disposition, dkim, spf, reasons } = record
  return [
    '<record><row>',
    element('source_ip', source),
    `<count>${count}</count><policy_evaluated>`,
    element('disposition', oneOf([...DISPOSITIONS, 'pass'], disposition) ?? 'none'),
    element('dkim', dkim === 'pass' ? 'pass' : 'fail'),
    element('spf', spf === 'pass' ? 'pass' : 'fail'),
    ...reasons.map(
      ({ type, comment }) =>
        `<reason>${element('type', oneOf(REASONS, type) ?? 'other')}${optional('comment', comment)}</reason>`,
    ),
    '</policy_evaluated></row>',
    identifiersOf(record),
    authResultsOf(record),
    '</record>',
  ].join('')
}

function identifiersOf({ headerFrom, envelopeFrom, envelopeTo }: DmarcRecord): string {
  return [
    '<identifiers>',
    element('header_from', headerFrom),
    optional('envelope_from', envelopeFrom),
    optional('envelope_to', envelopeTo),
    '</identifiers>',
  ].join('')
}

function authResultsOf({ signatures, spfResult }: DmarcRecord): string {
  const dkim = signatures
    .slice(0, MAX_SIGNATURES)
    .map(
      ({ domain, selector, result }) =>
        `<dkim>${element('domain', domain)}${element('selector', selector)}${element('result', oneOf(DKIM_RESULTS, result) ?? 'permerror')}</dkim>`,
    )
  const spf =
    spfResult === undefined
      ? ''
      : `<spf>${element('domain', spfResult.domain)}<scope>mfrom</scope>${element('result', oneOf(SPF_RESULTS, spfResult.result) ?? 'permerror')}</spf>`
  return `<auth_results>${dkim.join('')}${spf}</auth_results>`
}

function element(name: string, text: string): string {
  return `<${name}>${escaped(text)}</${name}>`
}

function optional(name: string, text: string | undefined): string {
  return text === undefined ? '' : element(name, text)
}

function oneOf(words: readonly string[], word: string | undefined): string | undefined {
  return words.find((one) => one === word?.toLowerCase())
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000)
}

const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu
const MARKUP: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' }

/** Text of strangers: what XML 1.0 has no place for becomes U+FFFD. */
function escaped(text: string): string {
  return text.replace(NOT_XML, '\ufffd').replace(/[&<>\r]/g, (character) => MARKUP[character] ?? '')
}
