import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { explain } from './explain.ts'
import { Model } from './model/model.ts'
import { Scanner } from './scan/scanner.ts'

const scanner = new Scanner()
const model = new Model({ bits: { grams: 16, words: 16, headers: 14 } })
const junk = (i: number) =>
  Buffer.from(
    `From: shop${i}@example.top\r\nX-Mailer: Bulk\r\nSubject: Prizes ${i}\r\nContent-Type: text/html\r\n\r\n<p>Claim your <a href="http://win.example.top/x">prizes</a> ${i}</p>\r\n`,
  )
const wanted = (i: number) =>
  Buffer.from(
    `From: bob${i}@example.org\r\nMessage-ID: <${i}@example.org>\r\nSubject: Re: minutes ${i}\r\n\r\nThe minutes of the meeting are attached ${i}\r\n`,
  )
for (let i = 0; i < 20; i++) {
  model.learn(scanner.scan(junk(i)), 'junk')
  model.learn(scanner.scan(wanted(i)), 'wanted')
}

test('reasons say what stands in the message and where', () => {
  const of = (octets: Uint8Array) => {
    const { junk, wanted } = explain(scanner, model, octets, { limit: 60 })
    return [...junk, ...wanted].map(({ place, text, weight }) => `${weight > 0 ? '+' : '-'} ${place}: ${text}`)
  }
  const lines = of(junk(99)).join('\n')
  assert.match(lines, /^\+ link: link to win\.example\.top$/m)
  assert.match(lines, /^\+ (?:subject|text): "[^"]*prizes[^"]*"$/m)
  assert.match(lines, /^\+ field x-mailer: "bulk"$/m)
  assert.match(of(wanted(99)).join('\n'), /^- (?:text|subject): "[^"]*minutes[^"]*"$/m)
})

test('what is in the structure is said with what it is, not only that it is', () => {
  const told = (text: string) => {
    const octets = Buffer.from(text)
    const fresh = new Model({ bits: { grams: 14, words: 14, headers: 12 } })
    for (let i = 0; i < 3; i++) fresh.learn(scanner.scan(octets), 'junk')
    return explain(scanner, fresh, octets, { limit: 500 }).junk.map(({ place, text }) => `${place}: ${text}`)
  }
  const lines = told(
    'FROM: a@b.example\nMessage-Id: <AB12@b.example>\nTo: x y\n\nTHIS IS ALL OF THE TEXT THAT THERE IS\u200b\n',
  )
  for (const line of [
    'structure: the field from stands first',
    'structure: the field message-id stands below from',
    'structure: the field from is written "FROM"',
    'field to: 2 words',
    'field message-id: a Message-ID of the form of <AB12@b.example>',
    'structure: no field subject',
    'structure: a text of 32 to 63 characters',
    'text: all of the letters are capitals',
  ])
    assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`)
  assert.ok(told('Subject: x\n\n').includes('structure: no text'))
})

test('reasons add up to the rank, but for the small biases', () => {
  const { score, junk: pro, wanted: contra } = explain(scanner, model, junk(50), { limit: 10_000 })
  const sum = [...pro, ...contra].reduce((total, { weight }) => total + weight, 0)
  assert.ok(Math.abs(sum - score.rank) < 0.3, `${sum} ${score.rank}`)
})

test('explaining is not learning: the score is that of scanning, before and after', () => {
  const before = model.score(scanner.scan(junk(7)))
  assert.deepEqual(explain(scanner, model, junk(7)).score, before)
  assert.deepEqual(model.score(scanner.scan(junk(7))), before)
})

test('there are no more reasons than asked for, the strongest first', () => {
  const { junk: reasons } = explain(scanner, model, junk(3), { limit: 3 })
  assert.equal(reasons.length, 3)
  assert.deepEqual(
    reasons.map(({ weight }) => weight),
    reasons.map(({ weight }) => weight).sort((a, b) => b - a),
  )
})

test('foreign text cannot leave its line', () => {
  const nasty = fc.array(fc.constantFrom('prizes', '\x1b[2J', '\r', '\u202e', '\u2028', '"', '\x00', 'é', ' '), {
    maxLength: 30,
  })
  fc.assert(
    fc.property(nasty, (pieces) => {
      const octets = Buffer.from(
        `Subject: ${pieces.join('').replaceAll(/[\r\n]/g, '')}\r\nX-Mailer: ${pieces.join('').replaceAll(/[\r\n]/g, '')}\r\n\r\n${pieces.join('')}`,
      )
      const fresh = new Model({ bits: { grams: 12, words: 12, headers: 10 } })
      fresh.learn(scanner.scan(octets), 'junk')
      for (const { text, place } of explain(scanner, fresh, octets, { limit: 500 }).junk) {
        assert.doesNotMatch(text + place, /[\x00-\x1f\x7f-\x9f\u2028-\u202e]/)
        assert.ok(text.length < 140)
      }
    }),
    { numRuns: 50 },
  )
})
