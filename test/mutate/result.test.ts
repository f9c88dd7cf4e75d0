/** The score: what counts, and what does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Judged, score, table } from './result.ts'

function judged(line: number, verdict: Judged['verdict']): Judged {
  return {
    id: String(line),
    path: 'packages/a/src/b/c.ts',
    line,
    what: '! was left out',
    text: `if (!x${line}) {`,
    nth: 1,
    stage: line === 1 ? 'unit' : 'wider',
    verdict,
    said: '',
    ms: 1,
  }
}

test('a run that hangs is not noticed, and an equivalent mutant is not counted', () => {
  const equivalent = {
    path: 'packages/a/src/b/c.ts',
    text: 'if (!x3) {',
    what: '! was left out',
    reason: 'x3 is never asked',
  }
  const result = score([judged(1, 'fails'), judged(2, 'hangs'), judged(3, 'passes'), judged(4, 'passes')], [equivalent])
  assert.equal(result.noticed, 1)
  assert.equal(result.equivalent, 1)
  assert.deepEqual(
    result.unnoticed.map(({ line }) => line),
    [2, 4],
  )
  assert.equal(result.percent, 33.3)
  assert.match(table(result), /^hangs {2}packages\/a\/src\/b\/c\.ts:2/m)
  assert.match(table(result), /1 noticed \(1 by unit tests\), 2 unnoticed, 1 equivalent: 33\.3 %$/)
})

test('what is said to be equivalent and is noticed all the same counts as noticed', () => {
  const equivalent = { path: 'packages/a/src/b/c.ts', text: 'if (!x1) {', what: '! was left out', reason: 'wrong' }
  assert.equal(score([judged(1, 'fails')], [equivalent]).percent, 100)
})

test('of mutants that read alike, the one that is said to be equivalent is left out', () => {
  const two = [judged(1, 'passes'), { ...judged(1, 'passes'), nth: 2 }]
  const equivalent = {
    path: 'packages/a/src/b/c.ts',
    text: 'if (!x1) {',
    what: '! was left out',
    nth: 2,
    reason: 'asked twice',
  }
  assert.deepEqual(
    score(two, [equivalent]).unnoticed.map(({ nth }) => nth),
    [1],
  )
})
