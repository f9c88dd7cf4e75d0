/** The words of the glossary are those of the code. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, readWorkspaces } from '../structure/workspace.ts'

const PAGE = 'docs/glossary.md'
const rows = [...readFileSync(join(ROOT, PAGE), 'utf8').matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)]
  .map(([, word = '', meaning = '', code = '', elsewhere = '']) => ({ word, meaning, code, elsewhere }))
  .filter(({ word }) => word !== 'Word')

/** Every name in the code of packages and plugins, without tests and comments. */
const names = new Set(
  readWorkspaces()
    .filter(({ kind }) => kind !== 'examples')
    .flatMap(({ sources }) => sources.filter(({ isTest }) => !isTest))
    .flatMap(({ text }) => codeOf(text).match(/[A-Za-z_]\w*/g) ?? []),
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
    [...given].filter((name) => !names.has(name)),
    [],
  )
})

test('each word of packages/mail is in the glossary', () => {
  const index = codeOf(readFileSync(join(ROOT, 'packages/mail/src/index.ts'), 'utf8'))
  const types = (index.match(/\b[A-Z]\w+/g) ?? []).filter((name) => !name.endsWith('Options'))
  assert.ok(types.includes('Envelope') && types.includes('Transport'))
  const given = new Set(rows.flatMap(({ code }) => namesOf(code)))
  assert.deepEqual(
    types.filter((name) => !given.has(name)),
    [],
  )
})

function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}

function namesOf(code: string): string[] {
  return [...code.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
}
