import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LossBudget } from './budget.ts'

/** Numbers from 0 to below 1, the same in each run. */
function draw(): () => number {
  let state = 7
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

test('nothing is junk by a budget that has seen nothing', () => {
  const { junk, unsure, isProven, wanted, needed } = new LossBudget({ oneIn: 2000 }).state
  assert.deepEqual(
    { junk, unsure, isProven, wanted, needed },
    { junk: Infinity, unsure: Infinity, isProven: false, wanted: 0, needed: 2000 },
  )
})

test('it is proven by as many wanted messages as it speaks of, and says how many there are', () => {
  const budget = new LossBudget({ oneIn: 1000 })
  for (let i = 0; i < 999; i++) budget.observe(-i, 'wanted')
  assert.equal(budget.state.isProven, false)
  assert.equal(budget.state.wanted, 999)
  budget.observe(-3, 'wanted')
  assert.equal(budget.state.isProven, true)
})

test('of verdicts that are drawn alike, no more than the budget is lost', () => {
  const random = draw()
  const budget = new LossBudget({ oneIn: 200 })
  let [lost, judged] = [0, 0]
  for (let i = 0; i < 6_000; i++) {
    const verdict = Math.log(1 / (1 - random())) - 5
    if (budget.state.isProven) {
      judged++
      if (verdict > budget.state.junk) lost++
    }
    budget.observe(verdict, 'wanted')
  }
  assert.ok(lost <= judged / 200, `${lost} of ${judged}`)
  assert.ok(lost > 0, 'it is not fearful either')
})

test('unsure begins where nineteen of twenty were junk, and never above junk', () => {
  const budget = new LossBudget({ oneIn: 100 })
  for (let i = 0; i < 600; i++) budget.observe(-4 + (i % 60) / 10, 'wanted')
  for (let i = 0; i < 400; i++) budget.observe(-1 + (i % 80) / 10, 'junk')
  const { junk, unsure } = budget.state
  assert.ok(unsure <= junk)
  assert.ok(unsure > 0.5 && unsure < 2, `${unsure}`)
})

test('it follows: old verdicts are forgotten', () => {
  const budget = new LossBudget({ oneIn: 500 })
  budget.observe(9, 'wanted')
  for (let i = 0; i < 750; i++) budget.observe(-1, 'wanted')
  assert.equal(budget.state.junk, -1)
})

test('what is kept comes back as it was', () => {
  const budget = new LossBudget({ oneIn: 100 })
  for (let i = 0; i < 2000; i++) budget.observe((i * 37) % 101, i % 3 ? 'wanted' : 'junk')
  assert.deepEqual(LossBudget.from(JSON.parse(JSON.stringify(budget))).state, budget.state)
})

test('a budget that cannot be is refused, and so is a verdict that is no number', () => {
  for (const oneIn of [0, 9, 1.5, 1e9, Number.NaN]) assert.throws(() => new LossBudget({ oneIn }), RangeError)
  const budget = new LossBudget({ oneIn: 100 })
  budget.observe(Number.NaN, 'wanted')
  assert.equal(budget.state.wanted, 0)
})
