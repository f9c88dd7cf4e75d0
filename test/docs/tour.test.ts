/** The tour leads through the tree as it is. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../structure/workspace.ts'

const page = readFileSync(join(ROOT, 'docs/tour.md'), 'utf8')
const LINK = /\[([^\]]+)\]\(\.\.\/((?:packages|plugins)\/[^)]+\.ts)\)/g

/** The steps of the ways, each with the files it leads to. */
const steps = [...page.matchAll(/^\d+\. .*(?:\n {3}.*)*/gm)].map(([text]) => ({
  text,
  files: [...text.matchAll(LINK)].map(([, name = '', path = '']) => ({ name, path })),
}))

test('every file of the tour exists, and has the name that the tour gives it', () => {
  assert.ok(steps.length > 30)
  const files = [...page.matchAll(LINK)].map(([, name = '', path = '']) => ({ name, path }))
  assert.deepEqual(
    files.filter(({ name, path }) => !existsSync(join(ROOT, path)) || !`/${path}`.endsWith(`/${name}`)),
    [],
  )
})

test('every step of the tour names at least one file, and says of it only what stands in one of its files', () => {
  const wrong = steps.flatMap(({ text, files }) => {
    const code = files.map(({ path }) => readFileSync(join(ROOT, path), 'utf8')).join('\n')
    const names = [...text.matchAll(/`([A-Za-z_]\w*)`/g)].map(([, name = '']) => name)
    const missing = names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))
    return files.length === 0 ? [`no file: ${text}`] : missing.map((name) => `${name}: ${text.slice(0, 60)}`)
  })
  assert.deepEqual(wrong, [])
})

test('the tour goes from the socket to the next hop', () => {
  const [, recipient = ''] = /^## A recipient\n([\s\S]*?)^## /m.exec(page) ?? []
  const packages = [...recipient.matchAll(LINK)].map(([, , path = '']) => path.split('/').slice(0, 2).join('/'))
  const order = [...new Set(packages)]
  for (const [before, after] of [
    ['packages/smtp', 'packages/core'],
    ['packages/core', 'packages/queue'],
    ['packages/queue', 'packages/delivery'],
  ] as const)
    assert.ok(order.indexOf(before) >= 0 && order.indexOf(before) < order.indexOf(after), `${before} before ${after}`)
})
