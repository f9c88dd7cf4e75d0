/** The filter on made mail: floors that hold without the corpus. How good it is on real mail says `node test/junk/judge.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explain, Model, Scanner } from '@postroad/learn'
import { figuresOf } from './figures.ts'
import { oddMessages } from './odd.ts'
import { phishingMessages } from './phishing.ts'
import { judgedBy, type Known, poisoned, taught, throughTime } from './runs.ts'
import { syntheticMail } from './synthetic.ts'

const scanner = new Scanner()
const known = (count: number, seed: number): Known[] =>
  syntheticMail(count, seed).map(({ label, text }) => ({ label, features: scanner.scan(Buffer.from(text)) }))

test('figures are those of their definition', () => {
  const judged = [
    { isJunk: false, score: 0 },
    { isJunk: false, score: 2 },
    { isJunk: true, score: 1 },
    { isJunk: true, score: 3 },
  ]
  assert.deepEqual(figuresOf(judged), { oneMinusAuc: 25, missAtTenth: 50, missAtOne: 50 })
})

test('mail of the same time is told apart, and that of a later time nearly as well', () => {
  const mail = known(600, 3)
  const same = figuresOf(judgedBy(taught(mail.slice(0, 200), 1), mail.slice(200, 300)))
  const later = figuresOf(judgedBy(taught(mail.slice(0, 300), 1), mail.slice(300)))
  assert.ok(same.oneMinusAuc < 1, `the same time: ${same.oneMinusAuc} %`)
  assert.ok(later.oneMinusAuc < 3, `a later time: ${later.oneMinusAuc} %`)
})

test('in time order it follows the drift, at once and with feedback 50 messages late', () => {
  const mail = known(600, 4)
  const atOnce = throughTime(mail, { late: 0, after: 100, oneIn: 100 })
  const late = throughTime(mail, { late: 50, after: 100, oneIn: 100 })
  assert.ok(atOnce.figures.oneMinusAuc < 1, `${atOnce.figures.oneMinusAuc} %`)
  assert.ok(late.figures.oneMinusAuc < 2, `${late.figures.oneMinusAuc} %`)
})

test('a budget is kept on mail that drifts', () => {
  const { lost, missed, wanted } = throughTime(known(2500, 5), { late: 0, after: 500, oneIn: 100 })
  assert.ok(wanted > 700)
  assert.ok(lost <= 2, `${lost} % of the wanted mail lost, 1 % may be`)
  assert.ok(missed < 30, `${missed} % of the junk missed`)
})

test('one user who mislabels everything changes nothing for the others', () => {
  const mail = known(1500, 6).slice(0, 700)
  const [train, bad, judged] = [mail.slice(0, 300), mail.slice(300, 500), mail.slice(500)]
  const { before, after, believed } = poisoned(train, bad, judged, {
    honest: 0,
    lie: (label) => (label === 'junk' ? 'wanted' : 'junk'),
    order: 1,
  })
  assert.ok(believed <= 3, `${believed} lies were believed`)
  assert.ok(after.oneMinusAuc < before.oneMinusAuc + 0.5)
})

test('the odd messages are many and different, and reports among them are known for what they are', () => {
  const odd = oddMessages()
  assert.ok(odd.length >= 300)
  assert.ok(new Set(odd.map(({ text }) => text)).size > 0.95 * odd.length)
  const unknown = odd.filter(({ kind, text }) => kind === 'bounce' && !scanner.scan(Buffer.from(text)).isReport)
  assert.deepEqual(unknown, [])
  assert.equal(new Set(phishingMessages()).size, 200)
})

test('of a message it knows nothing about, a model is not sure', () => {
  const model = taught(known(300, 7), 1)
  const sure = oddMessages().filter(({ text }) => Math.abs(model.score(scanner.scan(Buffer.from(text))).verdict) > 6)
  assert.deepEqual(sure, [])
})

test('reasons are what was taught, and they stand where they are said to', () => {
  const model = new Model()
  for (const { features, label } of known(300, 8)) model.learn(features, label)
  const { junk, wanted } = explain(
    scanner,
    model,
    Buffer.from('From: a@example.test\nSubject: viagra prize\n\nurgent winner, click cash; the kernel minutes patch\n'),
  )
  const all = (reasons: typeof junk) => reasons.map(({ place, text }) => `${place}: ${text}`).join('\n')
  assert.match(all(junk), /(?:text|subject): "(?:viagra|prize|winner|urgent|cash|click)/)
  assert.match(all(wanted), /text: "(?:kernel|minutes|patch)/)
  for (const { weight } of junk) assert.ok(weight > 0)
  for (const { weight } of wanted) assert.ok(weight < 0)
})
