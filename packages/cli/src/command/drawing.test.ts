import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createServer } from '@postroad/core'
import { defineFact, definePlugin } from '@postroad/plugin'
import { mermaid, svg } from './drawing.ts'

const geo = defineFact<string>('geo')
const plugin = (name: string, after: readonly string[] = []) =>
  definePlugin({ name, hooks: { rcpt: { after, handler: () => undefined } } })()
const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-drawing-'))
const server = await createServer({
  log: { format: 'silent' },
  folder,
  setup(app) {
    app
      .use(plugin('a'))
      .use(plugin('b'), { mode: 'shadow' })
      .use(plugin('c', ['a']))
    app.use(definePlugin({ name: 'd', hooks: { mail: { provides: [geo], handler: () => undefined } } })())
    app.scope('mx', (mx) => mx.listen({ name: 'one', host: '127.0.0.1', port: 2525 }))
  },
})
const scopes = server.explain()
await server.close()
await rm(folder, { recursive: true })

test('Mermaid: a subgraph a listening scope, hooks in order, waves joined by arrows', () => {
  const lines = mermaid(scopes).split('\n')
  assert.equal(lines[0], 'flowchart TB')
  assert.equal(lines[1], '  subgraph s0["mx: 127.0.0.1:2525 (smtp)"]')
  assert.equal(lines[2], '    s0h0["<b>mail</b><br/>d [geo]"]')
  assert.equal(lines[3], '    s0h1["<b>rcpt</b><br/>a + b (shadow) → c"]')
  assert.equal(lines[4], '    s0h0 --> s0h1')
})

test('SVG: well-formed, every handler is there, nothing is drawn outside', () => {
  const text = svg(scopes)
  for (const word of ['scope mx', '>rcpt<', '>a<', '>b (shadow)<', '>c<', '>d [geo]<'])
    assert.ok(text.includes(word), word)
  const opened = [...text.matchAll(/<(\w+)[^>]*[^/]>/g)].length
  assert.equal(opened, [...text.matchAll(/<\/\w+>/g)].length)
  const [, width = 0, height = 0] = /width="([\d.]+)" height="([\d.]+)"/.exec(text)?.map(Number) ?? []
  for (const [, x, y] of text.matchAll(/x="([\d.]+)" y="([\d.]+)"/g)) assert.ok(Number(x) < width && Number(y) < height)
})
