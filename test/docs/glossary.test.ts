/** The words of the glossary are those of the code. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, readWorkspaces } from '../structure/workspace.ts'

const PAGE = 'docs/glossary.md'
/** Words that the glossary has and the code does not say yet: whoever renames something takes its line out. */
const NOT_YET: ReadonlySet<string> = new Set(['DeliveryEvent', 'Destination', 'DestinationRegistry', 'Recorder', 'Scheduler'])

const rows = [...readFileSync(join(ROOT, PAGE), 'utf8').matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)]
  .map(([, word = '', meaning = '', code = '', elsewhere = '']) => ({ word, meaning, code, elsewhere }))
  .filter(({ word }) => word !== 'Word')

/** Every name in the code of packages and plugins, without tests, comments and texts. */
const names = new Set(
  readWorkspaces()
    .filter(({ kind }) => kind !== 'examples')
    .flatMap(({ sources }) => sources.filter(({ isTest }) => !isTest))
    .flatMap(({ text }) => text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '').match(/[A-Za-z_]\w*/g) ?? []),
)

test('each word has one line, a meaning, a name in the code, and who else uses it', () => {
  assert.ok(rows.length > 100)
  const words = rows.map(({ word }) => word)
  assert.deepEqual(
    words.filter((word, index) => words.indexOf(word) !== index),
    [],
  )
  assert.deepEqual(
    rows.filter(({ code }) => namesOf(code).length === 0).map(({ word }) => word),
    [],
  )
})

test('each name that the glossary gives is one of the code', () => {
  const given = new Set(rows.flatMap(({ code }) => namesOf(code)))
  assert.deepEqual(
    [...given].filter((name) => !names.has(name) && !NOT_YET.has(name)),
    [],
  )
  assert.deepEqual(
    [...NOT_YET].filter((name) => !given.has(name)),
    [],
    'not in the glossary any more',
  )
})

test('what the code says by now is waited for no longer', (t) => {
  for (const name of NOT_YET) if (names.has(name)) t.diagnostic(`${name} is in the code: take it out of NOT_YET`)
})

function namesOf(code: string): string[] {
  return [...code.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
}
