import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definePlugin, type PluginInstance } from '@postroad/plugin'
import type { UseOptions } from '../config/config.ts'
import { ScopeSpec, type Use } from '../config/scope.ts'
import { BootError, Mistakes } from '../errors.ts'
import { compile } from './compile.ts'

interface Orders {
  readonly after?: readonly string[]
  readonly before?: readonly string[]
}

/** A use of the plugin `name`, with what its author and its operator say. */
interface Spec {
  readonly name: string
  readonly author?: Orders
  readonly operator?: UseOptions
}

/** Waves at `mail`, by names in the scope. */
function order(...specs: readonly Spec[]): string[][] {
  const mistakes = new Mistakes()
  const scope = new ScopeSpec('test', undefined, mistakes)
  for (const { name, operator } of specs) scope.use(definePlugin({ name, hooks: {} })(), operator)
  const instances = new Map<Use, PluginInstance>(
    scope.uses.map((use, at) => [use, { mail: { ...specs[at]?.author, handler: () => undefined } }]),
  )
  const { mail = [] } = compile(scope, instances, mistakes)
  mistakes.throwIfAny()
  return mail.map((wave) => wave.map(({ plugin }) => plugin))
}

function mistakesOf(...specs: readonly Spec[]): string[] {
  return mistakesIn(() => order(...specs))
}

function mistakesIn(boot: () => unknown): string[] {
  try {
    boot()
  } catch (error) {
    if (error instanceof BootError) return error.errors.map(({ code, message }) => `${code} ${message}`)
    throw error
  }
  return []
}

test('an order goes by the plugin, whatever label its operator gave', () => {
  const list = { name: 'list', operator: { as: 'partners' } }
  assert.deepEqual(order({ name: 'rule', author: { after: ['list'] } }, list), [['partners'], ['rule']])
  assert.deepEqual(order(list, { name: 'rule', author: { before: ['list'] } }), [['rule'], ['partners']])
  assert.deepEqual(order({ name: 'rule', operator: { after: ['list'] } }, list), [['partners'], ['rule']])
  assert.deepEqual(order(list, { name: 'rule', operator: { before: ['list'] } }), [['rule'], ['partners']])
})

test('an order that names a plugin used twice holds for both uses', () => {
  const twice = [{ name: 'list' }, { name: 'list', operator: { as: 'partners' } }]
  assert.deepEqual(order({ name: 'rule', author: { after: ['list'] } }, ...twice), [['list', 'partners'], ['rule']])
  assert.deepEqual(order(...twice, { name: 'rule', operator: { before: ['list'] } }), [['rule'], ['list', 'partners']])
})

test('an order of an author holds for both uses of its plugin', () => {
  const author = { after: ['list'] }
  const rules = [
    { name: 'rule', author },
    { name: 'rule', author, operator: { as: 'other' } },
  ]
  assert.deepEqual(order(...rules, { name: 'list' }), [['list'], ['rule', 'other']])
})

test('a label that is like the name of a plugin is not that plugin', () => {
  const disguised = { name: 'list', operator: { as: 'spf' } }
  assert.deepEqual(order({ name: 'rule', author: { after: ['spf'] } }, disguised), [['rule', 'spf']])
  const real = { name: 'spf', operator: { as: 'real' } }
  for (const rule of [{ author: { after: ['spf'] } }, { operator: { after: ['spf'] } }])
    assert.deepEqual(order({ name: 'rule', ...rule }, disguised, real), [['spf', 'real'], ['rule']])
})

test('an operator may name one of several uses by its label, an author knows none', () => {
  const partners = { name: 'list', operator: { as: 'partners' } }
  const late = { name: 'list', operator: { after: ['rule'] } }
  assert.deepEqual(order({ name: 'rule', operator: { after: ['partners'] } }, late, partners), [
    ['partners'],
    ['rule'],
    ['list'],
  ])
  assert.deepEqual(order({ name: 'rule', author: { after: ['partners'] } }, late, partners), [
    ['rule', 'partners'],
    ['list'],
  ])
})

test('two uses of a plugin may be put in order, and what a plugin says of itself is no order', () => {
  const author = { after: ['list'] }
  assert.deepEqual(
    order(
      { name: 'list', author, operator: { as: 'late', after: ['list'] } },
      { name: 'list', author, operator: { as: 'early' } },
    ),
    [['early'], ['late']],
  )
})

test('names that nobody has are nothing to an author, and a mistake of an operator, told with both names', () => {
  assert.deepEqual(order({ name: 'rule', author: { after: ['nobody'], before: ['nobody'] } }), [['rule']])
  assert.deepEqual(mistakesOf({ name: 'rule', operator: { as: 'mine', after: ['nobody'] } }), [
    'ERR_ORDER rule as mine is to run before or after "nobody", which is not in use in scope "test"',
  ])
})

test('a circle is told with both names', () => {
  const list = { name: 'list', author: { after: ['rule'] }, operator: { as: 'partners' } }
  assert.deepEqual(mistakesOf({ name: 'rule', author: { after: ['list'] } }, list), [
    'ERR_CYCLE the handlers of "mail" wait for each other: rule → list as partners → rule',
  ])
})

test('what a rewrite handler changes is one of four, and no other hook says it', () => {
  const saying = (hooks: unknown): string[] =>
    mistakesIn(() => {
      const mistakes = new Mistakes()
      const scope = new ScopeSpec('test', undefined, mistakes)
      scope.use(definePlugin({ name: 'rule', hooks: {} })())
      compile(scope, new Map(scope.uses.map((use) => [use, hooks as PluginInstance])), mistakes) // what JavaScript may say
      mistakes.throwIfAny()
    })
  const handler = () => undefined
  assert.deepEqual(saying({ rewrite: { changes: 'seal', handler } }), [])
  for (const [hook, wrong] of [
    ['rewrite', { rewrite: { changes: 'headers', handler } }],
    ['mail', { mail: { changes: 'body', handler } }],
  ] as const)
    assert.deepEqual(saying(wrong), [
      `ERR_HOOK rule.${hook}: "changes" goes with rewrite, and is one of body, envelope, header, seal`,
    ])
})
