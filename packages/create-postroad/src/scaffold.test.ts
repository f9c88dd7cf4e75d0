import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { scaffold } from './index.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'create-postroad-'))
after(() => rm(folder, { recursive: true, force: true }))

test('a package has its names in files and text, and the versions of this one', async () => {
  const place = path.join(folder, 'a')
  const { files, needs } = await scaffold({ name: 'postroad-plugin-no-lottery', folder: place })
  assert.deepEqual(files.toSorted(), [
    '.gitignore',
    'README.md',
    'package.json',
    'src/index.ts',
    'src/no-lottery.smtp',
    'src/no-lottery.test.ts',
    'src/no-lottery.ts',
    'tsconfig.json',
  ])
  const text = await Promise.all(files.map((file) => readFile(path.join(place, file), 'utf8')))
  assert.doesNotMatch(text.join('\n'), /my-?plugin/i)
  assert.match(text.join('\n'), /export const noLottery = definePlugin\(\{\n {2}name: 'no-lottery'/)
  const manifest = JSON.parse(await readFile(path.join(place, 'package.json'), 'utf8'))
  assert.equal(manifest.name, 'postroad-plugin-no-lottery')
  assert.equal(manifest.peerDependencies['@postroad/plugin'], `^${needs['@postroad/plugin']}`)
})

test('one file and its test for a project that is there', async () => {
  const place = path.join(folder, 'b')
  assert.deepEqual((await scaffold({ name: 'x', folder: place, kind: 'file' })).files, ['x.ts', 'x.test.ts'])
  await assert.rejects(
    scaffold({ name: 'x', folder: place, kind: 'file' }),
    /x\.ts is there already: nothing was written/,
  )
  assert.equal((await scaffold({ name: 'y', folder: place, kind: 'file' })).files.length, 2)
})

test('nothing is overwritten, and a name that is none is refused', async () => {
  const place = path.join(folder, 'c')
  await scaffold({ name: 'z', folder: place, kind: 'file' })
  await writeFile(path.join(place, 'z.ts'), 'mine')
  await assert.rejects(scaffold({ name: 'z', folder: place }), /is there already/)
  assert.equal(await readFile(path.join(place, 'z.ts'), 'utf8'), 'mine')
  for (const name of ['', 'A', '../x', 'a/b', '1x', 'x-', 'a--b', '@/x', '@A/x', 'x'.repeat(65), 'postroad-plugin-'])
    await assert.rejects(scaffold({ name, folder: path.join(folder, 'd') }), RangeError)
})

test('a name with a scope is that of the package, and not of the plugin', async () => {
  const place = path.join(folder, 'f')
  for (const [name, where] of [
    ['@acme/no-lottery', 'short'],
    ['@acme/postroad-plugin-no-lottery', 'long'],
  ] as const) {
    await scaffold({ name, folder: path.join(place, where) })
    const read = (file: string) => readFile(path.join(place, where, file), 'utf8')
    assert.equal(JSON.parse(await read('package.json')).name, '@acme/postroad-plugin-no-lottery')
    assert.match(await read('README.md'), /npm install @acme\/postroad-plugin-no-lottery/)
    assert.match(await read('src/no-lottery.ts'), /name: 'no-lottery'/)
  }
})

test('a name that is a word of the language still makes an identifier', async () => {
  const place = path.join(folder, 'e')
  await scaffold({ name: 'delete', folder: place, kind: 'file' })
  assert.match(await readFile(path.join(place, 'delete.ts'), 'utf8'), /export const deletePlugin = /)
})

test('the versions that a server begins with are those that are here', async () => {
  const root = path.join(import.meta.dirname, '../../..')
  const read = async (file: string) => JSON.parse(await readFile(path.join(root, file), 'utf8'))
  for (const [name, version] of Object.entries(await read('packages/create-postroad/template/versions.json'))) {
    const manifest = await read(path.join('node_modules', name, 'package.json'))
    assert.equal(version, manifest.version, name)
  }
})
