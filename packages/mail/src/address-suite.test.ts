import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseAddress } from './address.ts'
import { parseForwardPath } from './path.ts'

const suites = process.env['POSTROAD_SUITES'] ?? fileURLToPath(new URL('../../../../shared/suites', import.meta.url))
const file = `${suites}/address-isemail/tests.xml`
const skip = existsSync(file) ? false : 'needs the suite address-isemail: set POSTROAD_SUITES'

/** The categories an envelope may have; DNSWARN is of the resolver, not of the grammar. */
const ACCEPTED = new Set(['ISEMAIL_VALID_CATEGORY', 'ISEMAIL_RFC5321', 'ISEMAIL_DNSWARN'])

/** Where we differ from the category, and why. */
const DEVIATIONS = new Map([
  [
    '71',
    'RFC 4291 §2.2 lets `::` stand for one group; RFC 5321 §4.1.3 does not. Unambiguous, so taken, and written without it',
  ],
])

interface Case {
  readonly id: string
  readonly address: string
  readonly category: string
}

function readCases(): readonly Case[] {
  const cases: Case[] = []
  for (const [, id = '', content = ''] of readFileSync(file, 'utf8').matchAll(/<test id="(\d+)">([\s\S]*?)<\/test>/g)) {
    const address = decodeText(/<address>([\s\S]*?)<\/address>/.exec(content)?.[1] ?? '')
    cases.push({ id, address, category: /<category>(.*?)<\/category>/.exec(content)?.[1] ?? '' })
  }
  return cases
}

/** XML references, and the suite's own U+2400 + n for the control character n. */
function decodeText(text: string): string {
  const named = new Map([
    ['lt', '<'],
    ['gt', '>'],
    ['quot', '"'],
    ['apos', "'"],
    ['amp', '&'],
  ])
  return text
    .replace(/&#x([0-9a-f]+);|&#(\d+);|&(\w+);/gi, (_, hex, decimal, name) =>
      name === undefined
        ? String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
        : (named.get(name) ?? ''),
    )
    .replace(/[\u2400-\u2421]/g, (symbol) => String.fromCharCode(symbol.charCodeAt(0) - 0x2400))
}

test('RFC 5321 §4.1.2: the addresses of isemail are accepted exactly when an envelope may have them', { skip }, () => {
  const cases = readCases()
  assert.equal(cases.length, 164)
  for (const { id, address, category } of cases) {
    const expected = ACCEPTED.has(category) !== DEVIATIONS.has(id)
    assert.equal(parseAddress(address) !== undefined, expected, `${id} ${category} ${JSON.stringify(address)}`)
    assert.equal(
      parseForwardPath(`<${address}>`) !== undefined,
      expected,
      `path ${id} ${category} ${JSON.stringify(address)}`,
    )
  }
})
