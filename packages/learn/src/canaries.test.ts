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
    canaries.add(junk(100 + i), 'junk')
    canaries.add(wanted(100 + i), 'wanted')
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
  canaries.add(junk(1), 'junk')
  assert.deepEqual(canaries.check(new Model()), { error: 0, isAlarm: false })
  for (let i = 0; i < 300; i++) canaries.add(junk(i), 'junk')
  assert.equal(canaries.needs('junk'), false)
  assert.equal(canaries.needs('wanted'), true)
  assert.equal(canaries.toJSON().junk.length, 200)
})

test('what is kept comes back as it was', () => {
  const { model, canaries } = taught()
  for (let i = 0; i < 4; i++) canaries.check(model)
  const copy = Canaries.from(JSON.parse(JSON.stringify(canaries)))
  assert.deepEqual(copy.toJSON(), JSON.parse(JSON.stringify(canaries)))
  for (let i = 0; i < 200; i++) model.learn(junk(300 + i), 'wanted')
  assert.equal(copy.check(model).isAlarm, true)
})
