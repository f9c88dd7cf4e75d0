/** Whatever strangers write in their mail: the report on it is valid by the schema of RFC 9990, and reads as it was written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type DmarcReport, readReport, writeDmarcReport } from '@postroad/report'
import fc from 'fast-check'
import { requires } from '../runner/requires.ts'
import { invalidBySchema } from './schema.ts'

const skip = requires('libxml2-utils')
const pack = promisify(gzip)

/** Anything that may come from a message, a record or an option; half of it is what XML has no place for. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    ']]>',
    '<![CDATA[',
    '&lt;&amp;',
    '<!--',
    '\u0000\u0008\u001f',
    '\ud800',
    '\ufffe',
    '',
    ' x ',
    'a\r\nb',
  ),
)
const result = fc.oneof(
  fc.constantFrom('pass', 'fail', 'none', 'softfail', 'temperror', 'permerror', 'policy', 'neutral'),
  text,
)
const verdict = fc.constantFrom('pass' as const, 'fail' as const)

const record = fc.record({
  source: fc.oneof(fc.ipV4(), fc.ipV6(), text),
  count: fc.integer({ min: 1, max: 1e9 }),
  disposition: fc.constantFrom('none' as const, 'pass' as const, 'quarantine' as const, 'reject' as const),
  dkim: verdict,
  spf: verdict,
  reasons: fc.array(fc.record({ type: text, comment: text }), { maxLength: 2 }),
  headerFrom: text,
  envelopeFrom: fc.option(text, { nil: undefined }),
  envelopeTo: fc.option(text, { nil: undefined }),
  signatures: fc.array(fc.record({ domain: text, selector: text, result }), { maxLength: 3 }),
  spfResult: fc.option(fc.record({ domain: text, result }), { nil: undefined }),
})

const report: fc.Arbitrary<DmarcReport> = fc.record({
  organization: text,
  email: text,
  id: text,
  begin: fc.integer({ min: 0, max: 1e9 }).map((seconds) => seconds * 1_000),
  end: fc.integer({ min: 0, max: 1e9 }).map((seconds) => seconds * 1_000),
  generator: fc.option(text, { nil: undefined }),
  errors: fc.array(text, { maxLength: 2 }),
  published: fc.record({
    domain: text,
    p: fc.oneof(fc.constantFrom('none', 'reject', 'QUARANTINE'), text),
    sp: fc.option(text, { nil: undefined }),
    np: fc.option(text, { nil: undefined }),
    adkim: fc.oneof(fc.constantFrom('r', 's'), text),
    aspf: fc.option(text, { nil: undefined }),
    fo: fc.option(text, { nil: undefined }),
    testing: fc.oneof(fc.constantFrom('y', 'n'), text),
    discovery: fc.oneof(fc.constantFrom('psl', 'treewalk'), text),
  }),
  records: fc.array(record, { minLength: 1, maxLength: 4 }),
})

test('RFC 9990 Appendix A: every report is valid, whatever stands in it', { skip }, () => {
  const documents = fc.sample(report, { numRuns: 500, seed: 9990 }).map(writeDmarcReport)
  assert.equal(invalidBySchema(documents), '')
})

test('RFC 9990 §3.1.3: a row has no more than 100 signatures', { skip }, async () => {
  const [one] = fc.sample(report, { numRuns: 1, seed: 1 })
  const signatures = Array.from({ length: 300 }, (_, at) => ({
    domain: `d${at}.example`,
    selector: 's',
    result: 'pass',
  }))
  assert.ok(one?.records[0])
  const document = writeDmarcReport({
    ...one,
    published: { domain: 'a.example', p: 'none' },
    records: [{ ...one.records[0], signatures }],
  })
  assert.equal(invalidBySchema([document]), '')
  const read = await readReport(Buffer.from(document))
  assert.equal(read.kind === 'dmarc' && read.report.records[0]?.signatures.length, 100)
})

test('the schema is not so wide that everything is valid', { skip }, () => {
  const [one] = fc.sample(report, { numRuns: 1, seed: 1 })
  assert.ok(one)
  const document = writeDmarcReport(one)
  for (const [from, to] of [
    ['<version>', '<versions/><version>'],
    ['<count>', '<count>x'],
    ['</record>', '</record><record/>'],
    ['dmarc-2.0', 'dmarc-1.0'],
  ] as const)
    assert.notEqual(invalidBySchema([document.replace(from, to)]), '', to)
})

/** Words as they come in mail: those read as they were written. */
const word = fc.stringMatching(/^[a-z0-9][a-z0-9.<&>"'-]{0,20}[a-z0-9]$/)

test('10,000 rows are read as they were written, packed as they are sent', async () => {
  const rows = fc
    .sample(
      fc.record({
        source: fc.oneof(fc.ipV4(), fc.ipV6()),
        count: fc.integer({ min: 1, max: 1e9 }),
        disposition: fc.constantFrom('none' as const, 'pass' as const, 'quarantine' as const, 'reject' as const),
        dkim: verdict,
        spf: verdict,
        reasons: fc.array(fc.record({ type: fc.constantFrom('local_policy', 'other'), comment: word }), {
          maxLength: 2,
        }),
        headerFrom: word,
        envelopeFrom: fc.option(fc.oneof(word, fc.constant('')), { nil: undefined }),
        envelopeTo: fc.option(word, { nil: undefined }),
        signatures: fc.array(fc.record({ domain: word, selector: word, result: fc.constantFrom('pass', 'fail') }), {
          maxLength: 3,
        }),
        spfResult: fc.option(fc.record({ domain: word, result: fc.constantFrom('pass', 'softfail') }), {
          nil: undefined,
        }),
      }),
      { numRuns: 10_000, seed: 7 },
      // Some records of fast-check have no prototype; what is read has one.
    )
    .map((row) => structuredClone(row))
  const written: DmarcReport = {
    organization: 'Example & Söhne',
    email: 'r@example.org',
    id: '2026-11-29.example.com@mx.example.org',
    begin: 1_764_374_400_000,
    end: 1_764_460_799_000,
    generator: 'Postroad',
    errors: [],
    published: {
      domain: 'example.com',
      p: 'reject',
      sp: 'none',
      np: 'none',
      adkim: 'r',
      aspf: 's',
      fo: '0',
      testing: 'n',
      discovery: 'treewalk',
    },
    records: rows,
  }
  const read = await readReport(await pack(writeDmarcReport(written)))
  assert.ok(read.kind === 'dmarc', read.kind === 'none' ? read.mistake : '')
  assert.deepEqual(read.report, written)
})
