import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { loadConfig } from './load.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'postroad-load-'))
})
after(() => rm(folder, { recursive: true, force: true }))

/** Writes a configuration whose parts all say `word`, some of them only when they are asked. */
async function write(word: string): Promise<void> {
  const files = {
    'package.json': '{ "type": "module" }',
    'late.js': `export const word = '${word}'`,
    'rule.cjs': `exports.word = '${word}'; exports.late = () => import('./late.js')`,
    'postroad.config.js': `import rule from './rule.cjs'
const words = async () => [(await import('./late.js')).word, rule.word, (await rule.late()).word]
export default { hostname: '${word}.test', setup: words }`,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text)
}

const load = async () => {
  const { config } = await loadConfig(folder)
  return { hostname: config.hostname, words: config.setup as unknown as () => Promise<string[]> } // as written above
}

test('each load is of its own files, also in what it imports later', async () => {
  await write('one')
  const one = await load()
  assert.deepEqual(await one.words(), ['one', 'one', 'one'])
  await write('two')
  const two = await load()
  assert.equal(two.hostname, 'two.test')
  await write('(')
  await writeFile(path.join(folder, 'postroad.config.js'), '(')
  await assert.rejects(load(), /cannot be loaded/)
  await writeFile(path.join(folder, 'late.js'), `export const word = 'three'`)
  assert.deepEqual((await one.words())[0], 'one')
  assert.deepEqual((await two.words()).slice(1, 2), ['two'])
})
