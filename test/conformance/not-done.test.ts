/** The list of what is not done is written by hand: what can be held against the code is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSources } from '../structure/workspace.ts'
import { NOT_DONE } from './not-done.ts'

test('what is said not to be offered is no word of the wire', () => {
  const names = NOT_DONE.flatMap(([, reason]) => /^([A-Z][A-Z0-9-]+) is not offered\b/.exec(reason)?.[1] ?? [])
  assert.ok(names.includes('DELIVERBY'))
  const code = readSources('packages/smtp/src')
    .filter(({ isTest }) => !isTest)
    .map(({ text }) => text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ''))
    .join('\n')
  assert.match(code, /\bSTARTTLS\b/)
  assert.deepEqual(
    names.filter((name) => new RegExp(`\\b${name}\\b`).test(code)),
    [],
  )
})

test('each entry cites a standard and says why in a sentence', () => {
  assert.deepEqual(
    NOT_DONE.filter(
      ([citation, reason]) => !/^RFC \d{3,5}(?: §[\w.]*\w)?$/.test(citation) || !/^.{15,}\.$/.test(reason),
    ),
    [],
  )
})
