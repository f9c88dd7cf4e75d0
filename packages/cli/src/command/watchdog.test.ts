import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describe } from './stack.ts'
import { parseStuck } from './watchdog.ts'

test('a deadline is a number of seconds, or 0 for never; what makes no sense is refused', () => {
  assert.deepEqual(['0', '3', '30', '86400'].map(parseStuck), [0, 3_000, 30_000, 86_400_000])
  for (const wrong of ['', ' ', 'soon', '-1', '1', '86401', 'NaN', 'Infinity'])
    assert.throws(() => parseStuck(wrong), RangeError, wrong)
})

const at = (url: string, name: string, line = 1) => ({ url, name, line, column: 1 })
const here = new URL('./stack.ts', import.meta.url).href
const plugin = new URL('../../../../plugins/greylist/src/index.ts', import.meta.url).href
const core = new URL('../../../core/src/run/guard.ts', import.meta.url).href

test('a stack is the plugin’s whose handler the host called, whatever library it is in', () => {
  const library = new URL('../../../message/src/index.ts', import.meta.url).href
  assert.match(
    describe([at(library, 'parse', 7), at(plugin, 'message', 9), at(core, 'invoke'), at(here, 'start')]),
    /^in parse \(.*message.*:7:1\): the package .*greylist.*, by message \(.*:9:1\)$/,
  )
})

test('after a wait nobody called the plugin: the outermost call is its own', () => {
  assert.match(
    describe([at(plugin, ''), at('node:internal/process/task_queues', 'run')]),
    /^in a function \(.*\): the package .*greylist/,
  )
})

test('a stack of the host’s, of no file, or of nothing is told as it is', () => {
  assert.match(describe([at(core, 'invoke', 3)]), /^in invoke \(.*guard\.ts:3:1\)$/)
  assert.match(describe([at('node:fs', 'readSync')]), /^in readSync \(node:fs:1:1\)$/)
  assert.match(describe([at('file:///nowhere/at/all.js', 'f')]), /^in f \(\/nowhere\/at\/all\.js:1:1\)/)
  assert.equal(describe([]), 'where no JavaScript runs')
})
