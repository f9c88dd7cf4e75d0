import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Calibration } from './calibration.ts'

test('before there is enough to go by, a verdict is its own logit', () => {
  const calibration = new Calibration()
  for (let i = 0; i < 200; i++) calibration.observe(3, 'junk')
  assert.ok(Math.abs(calibration.probability(0) - 0.5) < 1e-9)
  assert.ok(Math.abs(calibration.probability(2) - 1 / (1 + Math.exp(-2))) < 1e-9)
})

test('verdicts that promise too much are believed less: what is said of ten is true of ten', () => {
  const calibration = new Calibration()
  // A verdict of 4 is right in three of four only.
  for (let i = 0; i < 2000; i++)
    calibration.observe(i % 2 ? 4 : -4, ((i >> 1) % 4 === 0) === (i % 2 === 1) ? 'wanted' : 'junk')
  assert.ok(Math.abs(calibration.probability(4) - 0.75) < 0.03, `${calibration.probability(4)}`)
  assert.ok(Math.abs(calibration.probability(-4) - 0.25) < 0.03)
})

test('they are never made steeper than they are, and rise with the verdict', () => {
  const calibration = new Calibration()
  for (let i = 0; i < 1000; i++) calibration.observe(i % 2 ? 1 : -1, i % 2 ? 'junk' : 'wanted')
  assert.ok(calibration.probability(1) <= 1 / (1 + Math.exp(-1)) + 1e-3)
  assert.ok(calibration.probability(1) < calibration.probability(2))
})

test('what is kept comes back as it was', () => {
  const calibration = new Calibration()
  for (let i = 0; i < 3000; i++) calibration.observe((i % 9) - 4, (i * 7) % 9 > 4 ? 'junk' : 'wanted')
  const copy = Calibration.from(JSON.parse(JSON.stringify(calibration)))
  assert.equal(copy.probability(1), calibration.probability(1))
  for (let i = 0; i < 60; i++) for (const each of [copy, calibration]) each.observe(i % 3, 'junk')
  assert.equal(copy.probability(1), calibration.probability(1), 'and goes on as the other does')
})

test('the verdict of a probability has that probability', () => {
  const calibration = new Calibration()
  for (let i = 0; i < 1000; i++) calibration.observe((i % 9) - 4, (i * 7) % 9 > 4 ? 'junk' : 'wanted')
  for (const probability of [0.1, 0.5, 0.8, 0.99])
    assert.ok(Math.abs(calibration.probability(calibration.verdictAt(probability)) - probability) < 1e-9)
})
