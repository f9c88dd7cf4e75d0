/** The tables of docs/smtp.md are said, row by row, to the quickstart. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { runDialogue } from '@postroad/testing'
import { ROOT } from '../structure/workspace.ts'
import { collect, makeFolder, startCommand, until } from './command.ts'

const page = readFileSync(path.join(ROOT, 'docs/smtp.md'), 'utf8')
const folder = await makeFolder()
Object.assign(process.env, {
  POSTROAD_PORT: '0',
  POSTROAD_FOLDER: path.join(folder, 'kept'),
  POSTROAD_MAIL: path.join(folder, 'mail'),
})
const server = startCommand(folder, 'start', path.join(ROOT, 'examples/quickstart'))
const out = collect(server.stdout)
let port = 0
before(async () => {
  port = Number(await until(() => /127\.0\.0\.1:(\d+)/.exec(out())?.[1]))
})
after(async () => {
  server.kill('SIGTERM')
  await once(server, 'close')
  await rm(folder, { recursive: true, force: true })
})

for (const section of page.split(/^## /m).slice(1)) {
  const [heading = ''] = section.split('\n')
  const rows = [...section.matchAll(/^\| `([^`]+)` \| `(\d{3}[^`]*)` \|/gm)]
  if (rows.length > 0)
    test(`${heading}: ${rows.length} rows`, () =>
      converse(rows.map(([, client = '', reply = '']) => ({ client, reply }))))
}

async function converse(rows: readonly { readonly client: string; readonly reply: string }[]): Promise<void> {
  // The reply to EHLO has a line for each extension.
  const lines = rows.map(
    ({ client, reply }) => `C: ${client}\n${client.startsWith('EHLO') ? 'S: 250-*\n' : ''}S: ${reply}*\n`,
  )
  await runDialogue(`S: 220 *\n${lines.join('')}`, { port })
}

test('every keyword the server knows is in the table of extensions, and none besides', () => {
  const source = readFileSync(path.join(ROOT, 'packages/smtp/src/verb/ehlo.ts'), 'utf8')
  const begin = source.indexOf('const keywords = [')
  const list = source.slice(begin, source.indexOf('\n  ]\n', begin))
  const known = [...list.matchAll(/['`]([A-Z\d]{3,})[ '`]/g)].map(([, keyword = '']) => keyword)
  const table = page.slice(page.indexOf('| Keyword |'), page.indexOf('\nNot there'))
  const told = [...table.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([A-Z\d]+)`/g)].map(([, keyword = '']) => keyword),
  )
  assert.ok(known.length > 10, 'the list is found')
  assert.deepEqual(told.sort(), known.sort())
})
