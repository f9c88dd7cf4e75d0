import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Canaries } from './canaries.ts'
import { Model } from './model/model.ts'
import { Scanner } from './scan/scanner.ts'

const scanner = new Scanner()
const message = (text: string, i: number) =>
  scanner.scan(Buffer.from(`From: a${i}@example.com\r\n\r\n${text} ${i}\r\n`))
const junk = (i: number) => message('Claim your free prizes now before the offer ends', i)
const wanted = (i: number) => message('The minutes of the meeting are in the usual place', i)

function taught(): { model: Model; canaries: Canaries } {
  const model = new Model({ bits: { grams: 14, words: 14, headers: 12 }, replay: 0 })
  const canaries = new Canaries()
  for (let i = 0; i < 30; i++) {
    model.learn(junk(i), 'junk')
    model.learn(wanted(i), 'wanted')
    canaries.add(`j${i}`, junk(100 + i), 'junk')
    canaries.add(`w${i}`, wanted(100 + i), 'wanted')
  }
  return { model, canaries }
}

test('learning that does harm raises an alarm, and what raised it does not become normal', () => {
  const { model, canaries } = taught()
  for (let i = 0; i < 5; i++) assert.deepEqual(canaries.check(model), { error: 0, isAlarm: false })
  for (let i = 0; i < 200; i++) model.learn(junk(300 + i), 'wanted')
  assert.equal(canaries.check(model).isAlarm, true)
  assert.equal(canaries.check(model).isAlarm, true)
})

test('there are as many as are needed, and none too few', () => {
  const canaries = new Canaries()
  canaries.add('1', junk(1), 'junk')
  assert.deepEqual(canaries.check(new Model()), { error: 0, isAlarm: false })
  for (let i = 0; i < 300; i++) canaries.add(`${i}`, junk(i), 'junk')
  assert.equal(canaries.needs('junk'), false)
  assert.equal(canaries.needs('wanted'), true)
  assert.equal([...canaries.all()].length, 200)
})

test('what is kept comes back as it was', () => {
  const { model, canaries } = taught()
  for (let i = 0; i < 4; i++) canaries.check(model)
  canaries.step(model, 7)
  const copy = Canaries.from(JSON.parse(JSON.stringify(canaries)), [...canaries.all()])
  assert.deepEqual(copy.toJSON(), canaries.toJSON())
  assert.deepEqual([...copy.all()], [...canaries.all()])
  for (let i = 0; i < 200; i++) model.learn(junk(300 + i), 'wanted')
  assert.equal(copy.check(model).isAlarm, true)
})

test('a check may be made step by step, and one that is called otherwise is none any more', () => {
  const { model, canaries } = taught()
  const found = Array.from({ length: 6 }, () => canaries.step(model, 10))
  assert.deepEqual(found, [undefined, undefined, undefined, undefined, undefined, { error: 0, isAlarm: false }])
  assert.equal(canaries.labelOf('j3'), 'junk')
  canaries.remove('j3')
  assert.equal(canaries.labelOf('j3'), undefined)
  assert.equal([...canaries.all()].length, 59)
})
