/** One catalogue for all packages: nothing is thrown that it does not explain, and it explains nothing that is never thrown. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readWorkspaces } from '../structure/workspace.ts'
import { CATALOGUE, WITHIN } from './error-catalogue.ts'

const production = readWorkspaces()
  .filter(({ kind }) => kind !== 'examples')
  .flatMap(({ sources }) => sources.filter(({ isTest, path }) => !isTest && path.includes('/src/')))

/** Codes of Node, which we only recognise. */
const OF_NODE: ReadonlySet<string> = new Set([
  'ERR_BUFFER_TOO_LARGE',
  'ERR_MODULE_NOT_FOUND',
  'ERR_PARSE_ARGS',
  'ERR_STREAM_DESTROYED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])
const codes = CATALOGUE.flatMap(({ errors }) => Object.keys(errors))

test('every code is in the catalogue once', () => {
  assert.deepEqual(
    codes.filter((code, index) => codes.indexOf(code) !== index),
    [],
  )
})

test('every code that the code names is in the catalogue', () => {
  const known = new Set([...codes, ...OF_NODE])
  const unknown = production.flatMap(({ path, text }) =>
    [...text.matchAll(/'(ERR_[A-Z_]+)'/g)].flatMap(([, code = '']) => (known.has(code) ? [] : [`${path}: ${code}`])),
  )
  assert.deepEqual(unknown, [])
})

test('every code of the catalogue is used: it stands in quotes somewhere', () => {
  const all = production.map(({ text }) => text).join('\n')
  assert.deepEqual(
    codes.filter((code) => !all.includes(`'${code}'`)),
    [],
  )
})

test('every class of errors is in the catalogue, or says why nobody meets it', () => {
  const known = new Set([...CATALOGUE.flatMap(({ classes }) => classes), ...WITHIN.keys()])
  const found = production.flatMap(({ text }) =>
    [...text.matchAll(/^(?:export )?class (\w+) extends \w*Error\b/gm)].map(([, name = '']) => name),
  )
  assert.deepEqual([...known].sort(), found.sort())
})

test('each entry says what it means and what to do, in sentences', () => {
  const short = CATALOGUE.flatMap(({ errors }) =>
    Object.entries(errors).flatMap(([code, { summary, fix }]) =>
      /^.{10,}/.test(summary) && /^.{10,}\.$/.test(fix) ? [] : [code],
    ),
  )
  assert.deepEqual(short, [])
})
