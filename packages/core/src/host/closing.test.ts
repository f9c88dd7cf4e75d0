import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { closedInTime } from './closing.ts'

const never = new Promise<void>(() => {})

test('what closes at once is closed, and what fails says so', async () => {
  assert.equal(closedInTime(undefined, AbortSignal.abort()), undefined)
  await closedInTime(Promise.resolve(), AbortSignal.abort())
  await assert.rejects(async () => closedInTime(Promise.reject(new Error('no')), AbortSignal.abort()), /no/)
})

test('a plugin that never closes is not waited for when the server stops; before, it may take its time', async () => {
  await assert.rejects(async () => closedInTime(never, AbortSignal.abort(), 20), /not closed in 0.02 s/)
  const stop = new AbortController()
  let ended = false
  const closing = Promise.resolve(closedInTime(never, stop.signal, 20)).catch(() => {
    ended = true
  })
  await new Promise((wake) => setTimeout(wake, 60))
  assert.equal(ended, false)
  stop.abort()
  await closing
  assert.equal(ended, true)
})

test('the process lives until then, and does not end by itself with 13', async () => {
  const file = fileURLToPath(new URL('./closing.ts', import.meta.url))
  const text = `const { closedInTime } = await import(${JSON.stringify(file)})
await Promise.resolve(closedInTime(new Promise(() => {}), AbortSignal.abort(), 100)).catch((error) => console.log(error.message))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text])
  assert.equal(stdout, 'not closed in 0.1 s\n')
})
