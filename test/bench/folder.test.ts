import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { clearFolder, clearLeftOver, makeFolder } from './folder.ts'

const parent = realpathSync(mkdtempSync(join(tmpdir(), 'pr-folder-')))
after(() => rmSync(parent, { recursive: true, force: true }))

/** A process that would stay, and ends only by force. */
async function startStubborn(cwd: string) {
  const child = spawn(
    process.execPath,
    ['-e', "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)"],
    { cwd },
  )
  await once(child.stdout, 'data')
  return child
}

test('to clear a folder ends what works in it, and nothing else', async () => {
  const folder = makeFolder(parent)
  const [within, beside] = await Promise.all([startStubborn(folder), startStubborn(parent)])
  const gone = once(within, 'exit')
  clearFolder(folder)
  assert.deepEqual(await gone, [null, 'SIGKILL'])
  assert.equal(existsSync(folder), false)
  assert.equal(beside.exitCode ?? beside.signalCode, null)
  const ended = once(beside, 'exit')
  beside.kill('SIGKILL')
  await ended
})

test('what a bench left behind is cleared, what one that runs has is not', async () => {
  const running = makeFolder(parent)
  const ended = spawn(process.execPath, ['-e', ''])
  await once(ended, 'exit')
  const left = join(parent, `pr-bench-${ended.pid}-abcdef`)
  renameSync(makeFolder(parent), left)
  const within = await startStubborn(left)
  const gone = once(within, 'exit')
  clearLeftOver(parent)
  assert.deepEqual(await gone, [null, 'SIGKILL'])
  assert.equal(existsSync(left), false)
  assert.equal(existsSync(running), true)
})
