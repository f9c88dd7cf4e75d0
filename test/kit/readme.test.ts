/** The twenty lines of the first page and their test, run from the page word for word. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { ROOT } from '../structure/workspace.ts'
import { ended, makeFolder, startCommand, startNode } from './command.ts'

const page = readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const [, section = ''] = /^## Twenty lines that run\n([\s\S]*?)^## /m.exec(page) ?? []
const [config = '', own = '', ...others] = [...section.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text]) => text)
/** The first comment says which file it is. */
const [, name = ''] = /^\/\/ (\S+\.config\.ts):/.exec(config) ?? []

const folder = await makeFolder()
after(() => rm(folder, { recursive: true, force: true }))
before(async () => {
  await writeFile(path.join(folder, name), config)
  await writeFile(path.join(folder, 'readme.test.ts'), own)
})

test('the page shows a configuration, its test, and nothing that is not run here', () => {
  assert.equal(name, 'postroad.config.ts')
  assert.match(own, new RegExp(`from '\\./${name}'`))
  assert.deepEqual(others, [])
})

test('postroad check has nothing to say of the configuration', async () => {
  assert.deepEqual(await ended(startCommand(folder, 'check')), {
    code: 0,
    out: 'The configuration is fine.\n',
    err: '',
  })
})

test('the test passes, and fails when the rule does not do what it says', async () => {
  const passed = await ended(startNode(folder, '--test', '--test-isolation=none', 'readme.test.ts'))
  assert.equal(passed.code, 0, passed.out)
  const other = config.replace('you have won', 'you have lost')
  assert.notEqual(other, config)
  await writeFile(path.join(folder, name), other)
  const failed = await ended(startNode(folder, '--test', '--test-isolation=none', 'readme.test.ts'))
  await writeFile(path.join(folder, name), config)
  assert.equal(failed.code, 1, failed.out)
  assert.match(failed.out, /expected a refusal, got 250/)
})

test('both are right to the compiler', async () => {
  const settings = { noEmit: true, customConditions: ['@postroad/source'], rewriteRelativeImportExtensions: false, allowImportingTsExtensions: true } // biome-ignore format: short
  const base = path.relative(folder, path.join(ROOT, 'tsconfig.base.json'))
  await writeFile(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: base, compilerOptions: settings, include: ['*.ts'] }),
  )
  const { out } = await ended(startNode(folder, path.join(ROOT, 'node_modules/typescript/bin/tsc')))
  assert.deepEqual(
    out.split('\n').filter((line) => /^[\w.-]+\(/.test(line)),
    [],
  )
})
