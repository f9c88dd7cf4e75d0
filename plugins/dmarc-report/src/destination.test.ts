import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import { wantedBy } from './destination.ts'

const zone: Zone = {
  '_dmarc.example.com': { TXT: ['v=DMARC1; p=none'] },
  '_dmarc.example.net': { TXT: ['v=DMARC1; p=none'] },
  'example.com._report._dmarc.agrees.test': { TXT: ['v=DMARC1'] },
  'example.com._report._dmarc.agreestoall.test': { TXT: ['v=DMARC1;'] },
  'example.com._report._dmarc.says.test': { TXT: ['v=DMARC1; rua=mailto:other@says.test!5k'] },
  'example.com._report._dmarc.leads.test': { TXT: ['v=DMARC1; rua=mailto:a@leads.test,mailto:victim@elsewhere.test'] },
  'example.com._report._dmarc.odd.test': { TXT: ['no', 'rua=mailto:a@odd.test; v=DMARC1', 'v=DMARC2'] },
  'example.com._report._dmarc.several.test': { TXT: ['no', 'v=DMARC1'] },
  'example.com._report._dmarc.down.test': 'SERVFAIL',
  '_dmarc.silent.test': 'TIMEOUT',
}

const TABLE: readonly (readonly [what: string, rua: string, expected: readonly string[] | 'later'])[] = [
  ['the domain itself', 'mailto:a@example.com', ['a@example.com']],
  ['a name below it', 'mailto:a@mail.example.com', ['a@mail.example.com']],
  ['another domain that says nothing', 'mailto:a@example.net', []],
  ['one that agrees', 'mailto:a@agrees.test!10m', ['a@agrees.test 10485760']],
  ['a mark at the end', 'mailto:a@agreestoall.test', ['a@agreestoall.test']],
  ['one that agrees, and has another address', 'mailto:a@says.test', ['other@says.test 5120']],
  ['one that leads elsewhere: nobody gets anything', 'mailto:a@leads.test', []],
  ['records that are none', 'mailto:a@odd.test', []],
  ['a record beside others', 'mailto:a@several.test', ['a@several.test']],
  ['several: each by itself', 'mailto:a@example.com,mailto:b@example.net,mailto:c@agrees.test', ['a@example.com', 'c@agrees.test']],
  ['web servers are not known here', 'https://example.com/', []],
  ['a name that is too long to ask for', `mailto:a@${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}.${'w'.repeat(50)}.test`, []],
  ['DNS that fails: it cannot be known now', 'mailto:a@down.test', 'later'],
  ['DNS that is silent about the organizational domain', 'mailto:a@silent.test', 'later'],
] // biome-ignore format: a table

for (const [what, rua, expected] of TABLE)
  test(`RFC 9990 §4: ${what}`, async () => {
    const wanted = wantedBy('example.com', rua, { dns: zoneDns(zone), signal: new AbortController().signal })
    if (expected === 'later') return assert.rejects(wanted, (error: Error) => 'code' in error)
    const shown = (await wanted).map(({ address, maxOctets }) =>
      [address.toString(), maxOctets].filter(Boolean).join(' '),
    )
    assert.deepEqual(shown, expected)
  })
