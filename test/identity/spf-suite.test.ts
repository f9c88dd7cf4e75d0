/** The official test suite of SPF, RFC 7208, against the check of the plugin `spf`. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Zone, zoneDns } from '@postroad/dns'
import type { ZoneEntry } from '../../packages/dns/src/zone.ts'
import { checkSpf } from '../../plugins/spf/src/check.ts'
import { missing, readYaml } from './suite.ts'

const FILE = 'spf-rfc7208/rfc7208-tests.yml'

type Record = string | { readonly [type: string]: unknown }

interface Scenario {
  readonly description: string
  readonly tests: {
    readonly [name: string]: {
      readonly helo: string
      readonly host: string
      readonly mailfrom: string
      readonly result: string | readonly string[]
      readonly explanation?: string
      readonly spec?: string | readonly string[]
    }
  }
  readonly zonedata: { readonly [name: string]: readonly Record[] }
}

/** The suite writes records once under the withdrawn type SPF and means TXT, unless there is a TXT record too. */
function toZone(data: Scenario['zonedata']): Zone {
  const zone: { [name: string]: ZoneEntry } = {}
  for (const [name, records] of Object.entries(data)) {
    const entry: { [type: string]: unknown[] | string } = {}
    const hasText = records.some((record) => typeof record === 'object' && 'TXT' in record)
    for (const record of records) {
      if (record === 'TIMEOUT') for (const type of ['A', 'AAAA', 'MX', 'TXT', 'PTR']) entry[type] ??= 'TIMEOUT'
      else if (typeof record === 'object') {
        for (const [type, value] of Object.entries(record))
          add(entry, type === 'SPF' ? (hasText ? '' : 'TXT') : type, value)
      }
    }
    if (isName(name)) zone[name] = entry as ZoneEntry
  }
  return zone
}

function add(entry: { [type: string]: unknown[] | string }, type: string, value: unknown): void {
  if (type === '' || value === 'NONE') return
  if (value === 'TIMEOUT') entry[type] = 'TIMEOUT'
  else if (type === 'CNAME') entry[type] = value as string
  else {
    const list = Array.isArray(entry[type]) ? entry[type] : []
    entry[type] = list
    list.push(type === 'TXT' && Array.isArray(value) ? value.join('') : value)
  }
}

/** Some of the suite's names are there to be impossible. */
function isName(name: string): boolean {
  return name.split('.').every((label) => label.length > 0 && label.length <= 63)
}

function splitSender(sender: string, helo: string): { local: string; domain: string } | undefined {
  if (sender === '') return undefined
  const at = sender.lastIndexOf('@')
  return at < 0 ? { local: '', domain: sender } : { local: sender.slice(0, at), domain: sender.slice(at + 1) || helo }
}

/** Cases where we differ, and why. None. */
const differences = new Map<string, string>()

describe('RFC 7208: the official suite', { skip: missing(FILE) }, () => {
  let count = 0
  for (const { description, tests, zonedata } of missing(FILE) ? [] : readYaml<Scenario>(FILE)) {
    const zone = toZone(zonedata)
    for (const [name, { helo, host, mailfrom, result, explanation, spec }] of Object.entries(tests)) {
      count++
      test(`${description}: ${name} (RFC 7208 §${[spec].flat().join(', §')})`, async () => {
        const question = { ip: host, helo, from: splitSender(mailfrom, helo), hostname: 'receiver.example' }
        const check = await checkSpf(question, { dns: zoneDns(zone), timeout: 20_000 })
        const expected = differences.has(name) ? [differences.get(name)] : [result].flat()
        assert.ok(
          expected.includes(check.result),
          `${check.result} (${check.comment}) instead of ${expected.join(' or ')}`,
        )
        // The digits of an IPv6 address have no case: the suite writes some in upper case.
        if (explanation !== undefined && explanation !== 'DEFAULT')
          assert.equal(check.explanation?.toLowerCase(), explanation.toLowerCase())
      })
    }
  }
  test('all 203 cases have run', () => assert.equal(count, 203))
})
