import assert from 'node:assert/strict'
import { test } from 'node:test'
import { destinationsOf, tagsOf } from './destination.ts'

const TABLE: readonly (readonly [rua: string, expected: readonly string[]])[] = [
  ['mailto:a@x.example', ['a@x.example']],
  ['mailto:a@x.example!10m', ['a@x.example 10485760']],
  ['mailto:a@x.example!50K , mailto:b@y.example!3', ['a@x.example 51200', 'b@y.example 3']],
  ['MAILTO:a@x.example,mailto:A@X.example', ['a@x.example']],
  ['mailto:a%21b@x.example', ['a!b@x.example']],
  ['mailto:a@x.example?subject=x', ['a@x.example']],
  ['https://x.example/report?id=1', ['https://x.example/report?id=1']],
  ['https://user:secret@x.example/', []],
  ['http://x.example/', []],
  ['mailto:a@x.example!10mb', []],
  ['mailto:nobody', []],
  ['mailto:a@[192.0.2.1]', []],
  ['mailto:%', []],
  ['x@y.example,,ftp://z.example', []],
]

for (const [rua, expected] of TABLE)
  test(`RFC 9989 §4.7: rua=${rua}`, () => {
    const shown = destinationsOf(rua).map((one) =>
      one.kind === 'post' ? one.url.href : [one.address.toString(), one.maxOctets].filter(Boolean).join(' '),
    )
    assert.deepEqual(shown, expected)
  })

test('no more than ten are looked at', () => {
  const many = Array.from({ length: 50 }, (_, at) => `mailto:a${at}@x.example`).join(',')
  assert.equal(destinationsOf(many).length, 10)
})

test('tags: the first of a name counts, spaces around do not', () => {
  assert.deepEqual(
    [...tagsOf(' v = DMARC1 ; p=none;;P=reject; rua=mailto:a@x.example?a=b ; =x')],
    [
      ['v', 'DMARC1'],
      ['p', 'none'],
      ['rua', 'mailto:a@x.example?a=b'],
    ],
  )
})
