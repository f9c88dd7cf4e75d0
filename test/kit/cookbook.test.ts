/** Every recipe of the cookbook, run from the page: plugins by their tables, configurations by `postroad check`, all by the compiler. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { CERTIFICATE } from '../conformance/certificate.ts'
import { ROOT } from '../structure/workspace.ts'
import { ended, makeFolder, startCommand, startNode } from './command.ts'
import { readPage, type ShownFile } from './markdown.ts'

const pages = readdirSync(path.join(ROOT, 'docs/cookbook')).filter((name) => name.endsWith('.md'))
const shown = (page: string) =>
  readPage(readFileSync(path.join(ROOT, 'docs', page), 'utf8')).filter((one): one is ShownFile => 'name' in one)
const files = pages.flatMap((page) => shown(`cookbook/${page}`))
/** Plugins and configurations elsewhere in the documentation. */
const others = ['beside-postfix.md', 'coming-from-haraka.md', 'operating.md'].flatMap(shown)
const folder = await makeFolder()
after(() => rm(folder, { recursive: true, force: true }))
before(async () => {
  for (const { name, text } of [...files, ...others]) await writeFile(path.join(folder, name), text)
  // operating.md says how to get them.
  await mkdir(path.join(folder, 'tls'))
  await writeFile(path.join(folder, 'tls/fullchain.pem'), CERTIFICATE.cert)
  await writeFile(path.join(folder, 'tls/privkey.pem'), CERTIFICATE.key)
})

test('there are twenty recipes, each with a test or a configuration, and no two files of one name', () => {
  const recipes = new Set(files.map(({ heading }) => heading))
  assert.ok(recipes.size >= 20, `${recipes.size} recipes`)
  assert.equal(new Set(files.map(({ name }) => name)).size, files.length)
  for (const recipe of recipes)
    assert.ok(
      files.some(({ heading, name }) => heading === recipe && /\.(?:test|config)\.ts$/.test(name)),
      recipe,
    )
})

test('the recipes pass their tables', async () => {
  const { code, out } = await ended(startNode(folder, '--test', '--test-isolation=none', '*.test.ts'))
  assert.equal(code, 0, out)
  assert.ok(Number(/(?:# |ℹ )pass (\d+)/.exec(out)?.[1]) > 60, out)
})

for (const { name } of [...files, ...others].filter((file) => file.name.endsWith('.config.ts')))
  test(`${name}: postroad check has nothing to say`, async () => {
    assert.deepEqual(await ended(startCommand(folder, 'check', name)), {
      code: 0,
      out: 'The configuration is fine.\n',
      err: '',
    })
  })

test('the recipes are right to the compiler', async () => {
  const base = path.relative(folder, path.join(ROOT, 'tsconfig.base.json'))
  const settings = {
    noEmit: true,
    customConditions: ['@postroad/source'],
    rewriteRelativeImportExtensions: false,
    allowImportingTsExtensions: true,
  }
  await writeFile(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: base, compilerOptions: settings, include: ['*.ts'] }),
  )
  const { code, out } = await ended(startNode(folder, path.join(ROOT, 'node_modules/typescript/bin/tsc')))
  const own = out.split('\n').filter((line) => /^[\w.-]+\(/.test(line))
  assert.deepEqual(own, [], out)
  assert.ok(code === 0 || own.length === 0)
})
