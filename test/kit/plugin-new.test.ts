/** What `postroad plugin new` and `npm create postroad` write passes its own tests at once. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { ROOT } from '../structure/workspace.ts'
import { ended, makeFolder, startCommand, startNode } from './command.ts'

const folder = await makeFolder()
after(() => rm(folder, { recursive: true, force: true }))

async function passes(place: string, ...files: readonly string[]): Promise<number> {
  const { code, out } = await ended(startNode(path.join(folder, place), '--test', ...files))
  assert.equal(code, 0, out)
  return Number(/(?:# |ℹ )pass (\d+)/.exec(out)?.[1])
}

test('plugin new NAME writes a folder whose table, contract and dialogue pass, and whose types are right', async () => {
  const { code, out } = await ended(startCommand(folder, 'plugin', 'new', 'no-lottery'))
  assert.equal(code, 0)
  assert.match(out, /cd postroad-plugin-no-lottery && npm install && npm test/)
  assert.ok((await passes('postroad-plugin-no-lottery', 'src/*.test.ts')) > 15)
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  const types = await ended(
    startNode(
      path.join(folder, 'postroad-plugin-no-lottery'),
      tsc,
      '--noEmit',
      '--customConditions',
      '@postroad/source',
      '--rootDir',
      ROOT,
    ),
  )
  // Our own sources are checked with stricter settings than a plugin must have; what is installed has declarations.
  assert.deepEqual(
    types.out.split('\n').filter((line) => /^(?:src|error)/.test(line)),
    [],
  )
  const again = await ended(startCommand(folder, 'plugin', 'new', 'no-lottery'))
  assert.equal(again.code, 1)
  assert.match(again.err, /is there already: nothing was written/)
})

test('plugin new NAME --file writes one file and its test, which pass', async () => {
  const { code, out } = await ended(
    startCommand(folder, 'plugin', 'new', 'house', '--file', '--folder', 'rules', '--json'),
  )
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(out).files, ['house.ts', 'house.test.ts'])
  assert.ok((await passes('rules', 'house.test.ts')) > 10)
})

test('npm create postroad: the same by another door', async () => {
  const bin = path.join(ROOT, 'packages/create-postroad/src/bin.ts')
  const { code, out } = await ended(startNode(folder, bin, 'other'))
  assert.equal(code, 0)
  assert.match(out, /postroad-plugin-other\/src\/other\.smtp/)
  assert.equal((await ended(startNode(folder, bin))).code, 2)
})
