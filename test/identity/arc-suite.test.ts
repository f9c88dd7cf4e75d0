/** The only independent test suite of ARC, RFC 8617, against the plugin `arc`. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { nodeResolver } from '@postroad/mailauth'
import { messageFromBytes } from '@postroad/message'
import { arcOptions } from '../../plugins/arc/src/options.ts'
import { sealMessage } from '../../plugins/arc/src/seal.ts'
import { ArcVerification } from '../../plugins/arc/src/verification.ts'
import { missing, readYaml } from './suite.ts'

const VALIDATION = 'arc-test-suite/arc-draft-validation-tests.yml'
const SIGNING = 'arc-test-suite/arc-draft-sign-tests.yml'
const NOW = 1_700_000_000_000

interface Zone {
  readonly 'txt-records': { readonly [name: string]: string }
}

interface Validation extends Zone {
  readonly tests: {
    readonly [name: string]: {
      readonly message: string
      readonly cv: string
      readonly description: string
      readonly spec: string
    }
  }
}

const toBytes = (text: string) => Buffer.from(text.replace(/\r?\n/g, '\r\n'))

function zoneOf(records: Zone['txt-records']) {
  return zoneDns(Object.fromEntries(Object.entries(records ?? {}).map(([name, text]) => [name, { TXT: [text] }])))
}

async function validate(bytes: Uint8Array, records: Zone['txt-records'], cut = bytes.length) {
  const verification = new ArcVerification(arcOptions.parse({ trust: ['example.org'] }), {
    resolver: nodeResolver(zoneOf(records)),
    now: NOW,
  })
  for (let at = 0; at < bytes.length; at += cut) verification.write(Uint8Array.from(bytes.subarray(at, at + cut)))
  return verification.finish()
}

/** Cases where we differ, and why: the suite was made for a draft of 2017. */
const differences: ReadonlyMap<string, readonly [result: string, reason: string]> = new Map([
  [
    'cv_fail_i1_as_cv_fail',
    ['fail', 'RFC 8617 §5.2 step 2: a newest seal with cv=fail makes the chain fail; the suite leaves it open'],
  ],
  ['cv_fail_i2_as2_fail', ['fail', 'RFC 8617 §5.2 step 2, as above']],
  ['cv_fail_i2_as1_fail', ['fail', 'RFC 8617 §5.2 step 3.C: the first seal has cv=none; the suite leaves it open']],
  ['ams_fields_c_na', ['fail', 'RFC 6376 §3.5: without c= the form is simple/simple; the draft had relaxed/relaxed']],
  ['ams_fields_h_empty', ['fail', 'RFC 6376 §3.5: h= must not be empty, and must have From']],
])

describe('RFC 8617 §5.2: the validation suite', { skip: missing(VALIDATION) }, () => {
  let count = 0
  for (const { tests, 'txt-records': records } of missing(VALIDATION) ? [] : readYaml<Validation>(VALIDATION)) {
    for (const [name, { message, cv, description }] of Object.entries(tests)) {
      count++
      test(`${name}: ${description}`, async () => {
        const found = await validate(toBytes(message ?? ''), records)
        assert.equal(found.result, differences.get(name)?.[0] ?? cv.toLowerCase(), found.comment)
        assert.deepEqual(await validate(toBytes(message ?? ''), records, 7), found)
      })
    }
  }
  test('all 175 cases have run', () => assert.equal(count, 175))
})

interface Signing extends Zone {
  readonly domain: string
  readonly sel: string
  readonly privatekey: string
  readonly tests: {
    readonly [name: string]: {
      readonly message: string
      readonly t: number
      readonly 'sig-headers': string
      readonly AS: string
      readonly AMS: string
      readonly AAR: string
    }
  }
}

const tag = (text: string, name: string) =>
  new RegExp(`(?:^|;)\\s*${name}\\s*=\\s*([^;]*)`).exec(text)?.[1]?.replace(/\s+/g, '')

/**
 * The octets of `b=` cannot be those of the suite: a signer chooses the order of tags and their folds, and they are signed too. What is
 * compared is everything they stand for; and that the set validates.
 */
describe('RFC 8617 §5.1: the signing suite', { skip: missing(SIGNING) }, () => {
  let count = 0
  for (const { tests, domain, sel, privatekey, 'txt-records': records } of missing(SIGNING)
    ? []
    : readYaml<Signing>(SIGNING)) {
    for (const [name, expected] of Object.entries(tests)) {
      count++
      test(name, async () => {
        const bytes = toBytes(expected.message)
        const { result } = await validate(bytes, records)
        const authResults = expected.AAR.replace(/^\s*i=\d+;\s*/, '')
          .trim()
          .replace(/\r?\n/g, '\r\n ')
        const sealed = await sealMessage(messageFromBytes(bytes), {
          key: { domain, selector: sel, privateKey: privatekey },
          authResults: authResults || 'lists.example.org; none',
          result,
          now: expected.t * 1000,
          headers: expected['sig-headers'],
        })
        if (expected.AS === '') return assert.equal(sealed, undefined)
        const [seal = ''] = sealed?.headers.all('arc-seal') ?? []
        const [signature = ''] = sealed?.headers.all('arc-message-signature') ?? []
        for (const name of ['i', 'cv', 'd', 's', 't', 'a'])
          assert.equal(tag(seal, name), tag(expected.AS, name), `ARC-Seal ${name}=`)
        for (const name of ['i', 'bh', 'd', 's', 't', 'a', 'c'])
          assert.equal(tag(signature, name), tag(expected.AMS, name), `ARC-Message-Signature ${name}=`)
        const raw: Uint8Array[] = []
        for await (const chunk of sealed?.raw() ?? []) raw.push(chunk)
        assert.equal(
          (await validate(Buffer.concat(raw), records)).result,
          tag(expected.AS, 'cv') === 'fail' ? 'fail' : 'pass',
        )
      })
    }
  }
  test('all cases have run', () => assert.ok(count >= 17, String(count)))
})
