import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { isGone, OWNER_LIFE, thisOwner } from './owners.ts'

test('a process that lives and beats is there; one that has not beaten for a minute is not', () => {
  const me = thisOwner(1_000)
  assert.equal(isGone(me, 1_000 + OWNER_LIFE), false)
  assert.equal(isGone(me, 1_001 + OWNER_LIFE), true)
})

test('a pid that was given to another process, and any process of before a reboot, are gone', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, () => {
  const me = thisOwner(0)
  assert.equal(isGone({ ...me, start: `${Number(me.start) - 1}` }, 0), true)
  assert.equal(isGone({ ...me, boot: 'another' }, 0), true)
})

test('a process of another container is judged by its beat alone', () => {
  assert.equal(isGone({ ...thisOwner(0), pid: 999_999_999, space: 'pid:[1]' }, 0), false)
})

test('a process that has ended is gone at once', async () => {
  const child = spawn(process.execPath, ['-e', '0'])
  const owner = { ...thisOwner(0), pid: child.pid ?? 0, start: '1' }
  await once(child, 'exit')
  assert.equal(isGone(owner, 0), true)
})
