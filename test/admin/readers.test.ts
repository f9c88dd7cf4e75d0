/** Readers of events that never read: each costs some kilobytes, and no event looks at it; more than are allowed are told so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureReaders } from './readers.ts'
import { ask } from './server.ts'

const MB = 1_048_576
const READERS = 400

test(`${READERS} readers of events that do not read: memory is flat, mail goes on, one more is refused aloud`, {
  timeout: 180_000,
}, async (context) => {
  const figures = await measureReaders(context, { readers: READERS, rounds: 3, messages: 30 })
  const { first, rounds, port } = figures
  const more = (rounds.at(-1)?.rss ?? 0) - first.rss
  assert.ok(more < 64 * MB, `${Math.round(more / MB)} MB more`)
  const one = { host: '127.0.0.1', port }
  const headers = { authorization: `Bearer ${figures.token}` }
  const refused = await ask(one, 'GET', '/v1/events', { headers })
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '30'])
  assert.match(refused.json().detail, /^400 readers of events .* raise viewers/)
  assert.equal((await ask(one, 'GET', '/v1/status', { headers })).status, 200)
  await figures.leave()
  for (;;) {
    await figures.send(1)
    const status = await firstOf(port, headers)
    if (status === 200) break
    assert.equal(status, 503, 'a place is free when somebody has gone')
  }
})

/** The status of the answer alone: it has no end. */
async function firstOf(port: number, headers: Record<string, string>): Promise<number> {
  const controller = new AbortController()
  const { status } = await fetch(`http://127.0.0.1:${port}/v1/events`, { headers, signal: controller.signal })
  controller.abort()
  return status
}
