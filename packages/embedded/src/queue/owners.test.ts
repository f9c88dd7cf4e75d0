import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { sightOf, thisOwner } from './owners.ts'

const skip = process.platform !== 'linux' && 'needs /proc'

test('a process that lives is there, however long ago it beat', () => {
  assert.equal(sightOf({ ...thisOwner(0), beat: -1e12 }), 'there')
})

test('a pid that was given to another process, and any process of before a reboot, are gone', { skip }, () => {
  const me = thisOwner(0)
  assert.equal(sightOf({ ...me, start: `${Number(me.start) - 1}` }), 'gone')
  assert.equal(sightOf({ ...me, boot: 'another' }), 'gone')
})

test('of a process of another container nothing can be seen, even if it knows another boot', () => {
  const foreign = { ...thisOwner(0), pid: 999_999_999, space: 'pid:[1]' }
  assert.equal(sightOf(foreign), 'unseen')
  assert.equal(sightOf({ ...foreign, boot: 'of a container' }), 'unseen')
})

test('what a process could not read about itself does not make it look gone', { skip }, () => {
  const me = thisOwner(0)
  assert.deepEqual(
    [{ start: '' }, { boot: '' }, { space: '' }, { start: '', boot: '', space: '' }].map((lack) =>
      sightOf({ ...me, ...lack }),
    ),
    ['unseen', 'there', 'unseen', 'unseen'],
  )
})

test('a process that has ended is gone at once', async () => {
  const child = spawn(process.execPath, ['-e', '0'])
  const owner = { ...thisOwner(0), pid: child.pid ?? 0, start: '1' }
  await once(child, 'exit')
  assert.equal(sightOf(owner), 'gone')
})
