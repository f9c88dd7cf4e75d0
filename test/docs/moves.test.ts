import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../structure/workspace.ts'
import { followMoves, knownMoves, PAGE, readMoves, renderMoves } from './moves.ts'

test('a file is followed through all its moves, to where it is or to its end', () => {
  const log = [
    'A\tnew.ts',
    'R100\ta.ts\tb.ts',
    'R060\tb.ts\tc.ts',
    'R100\tnew.ts\tnewer.ts',
    'D\tgone.ts',
    'R100\tx.ts\ty.ts',
    'D\ty.ts',
    'R100\tback.ts\taway.ts',
    'R100\taway.ts\tback.ts',
  ]
  assert.deepEqual(followMoves(log.join('\n')), [
    { from: 'a.ts', to: 'c.ts' },
    { from: 'gone.ts', to: undefined },
    { from: 'x.ts', to: undefined },
  ])
})

test('a file that takes the place of another one has the name of neither', () => {
  assert.deepEqual(followMoves('R100\ta.ts\tb.ts\nR100\tc.ts\ta.ts\nR100\ta.ts\td.ts'), [
    { from: 'a.ts', to: 'b.ts' },
    { from: 'c.ts', to: 'd.ts' },
  ])
})

test('what is at its old place again has not moved, unless it is known that something else stands there now', () => {
  const moves = [
    { from: 'b.ts', to: 'c.ts' },
    { from: 'd.ts', to: 'e.ts' },
    { from: 'lost.ts', to: undefined },
  ]
  const successors = new Map([
    ['lost.ts', 'found.ts'],
    ['split.ts', 'part.ts'],
  ])
  assert.deepEqual(
    knownMoves(moves, (path) => path === 'd.ts', successors),
    [
      { from: 'b.ts', to: 'c.ts' },
      { from: 'lost.ts', to: 'found.ts' },
      { from: 'split.ts', to: 'part.ts' },
    ],
  )
})

test('the table is sorted, and can be read back', () => {
  const table = renderMoves([
    { from: 'b.ts', to: 'c.ts' },
    { from: 'a.ts', to: undefined },
  ])
  assert.deepEqual(readMoves(`<!-- moves -->\n${table}\n<!-- /moves -->`), [
    { from: 'a.ts', to: undefined },
    { from: 'b.ts', to: 'c.ts' },
  ])
})

test(`every path that ${PAGE} leads to exists; when files move again, run "node test/docs/moves.ts"`, () => {
  const moves = readMoves(readFileSync(join(ROOT, PAGE), 'utf8'))
  assert.ok(moves.length > 0)
  assert.deepEqual(
    moves.filter(({ to }) => to !== undefined && !existsSync(join(ROOT, to))).map(({ from, to }) => `${from} → ${to}`),
    [],
  )
})
