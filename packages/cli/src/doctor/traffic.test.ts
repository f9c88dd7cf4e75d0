import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { FeedRecord, FeedWatcher } from '@postroad/plugin'
import { openRecords } from '@postroad/records'
import { recordFolder } from '../services.ts'
import { trafficOf } from './traffic.ts'

const HOUR = 3_600_000

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-traffic-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Keeps records as a server does. */
async function keep(folder: string, records: readonly FeedRecord[]): Promise<void> {
  const kept = openRecords({ folder: recordFolder(folder) })
  kept.keep({
    watch(watcher: FeedWatcher) {
      for (const record of records) watcher.recorded?.(record, { line: `${JSON.stringify(record)}\n` })
      return () => {}
    },
  })
  await kept.flush()
  await kept.close()
}

const record = (event: string, id: string, hoursAgo: number, more: object): FeedRecord =>
  ({ time: new Date(Date.now() - hoursAgo * HOUR).toISOString(), event, id, ...more }) as FeedRecord // its own event
const delivered = (id: string, from: string | undefined, to: readonly string[], hoursAgo = 1): FeedRecord =>
  record('delivered', id, hoursAgo, { from, to, via: 'smtp', reply: '250 2.0.0 Ok' })
const report = (id: string, feedback: unknown, hoursAgo = 1): FeedRecord =>
  record('transaction', id, hoursAgo, { from: '', to: ['fbl@b.example.com'], facts: { feedback } })

test('recipients that mail of a domain was delivered to, and complaints about it, of the last seven days', async (t) => {
  const folder = await folderOf(t)
  const complaint = { kind: 'complaint', from: 'news@example.com', recipient: 'a@r.test' }
  await keep(folder, [
    delivered('q-1', 'news@example.com', ['a@r.test', 'b@r.test']),
    delivered('q-2', 'News@EXAMPLE.com', ['c@r.test'], 6 * 24),
    delivered('q-3', 'news@example.com', ['old@r.test'], 8 * 24),
    delivered('q-4', 'news@notexample.com', ['x@r.test']),
    delivered('q-5', 'news@sub.example.com', ['x@r.test']),
    delivered('q-6', undefined, ['x@r.test']),
    record('deferred', 'q-7', 1, { from: 'news@example.com', to: ['x@r.test'], reply: '451 delivered later' }),
    report('T.1', [complaint, { ...complaint, kind: 'failed' }, { ...complaint, from: 'news@other.test' }]),
    report('T.2', [complaint, complaint], 6 * 24),
    report('T.3', [complaint], 8 * 24),
    // Nobody knows whose it was.
    report('T.4', [{ kind: 'complaint' }, null, 5]),
    report('T.5', 'complaint'),
    record('transaction', 'T.6', 1, { from: 'news@example.com', to: ['x@r.test'] }),
  ])
  assert.deepEqual(await trafficOf(['example.com'], folder), { days: 7, delivered: 3, complaints: 3 })
  assert.deepEqual(await trafficOf(['other.test', 'sub.example.com'], folder), { days: 7, delivered: 1, complaints: 1 })
  assert.deepEqual(await trafficOf(['nobody.test'], folder), { days: 7, delivered: 0, complaints: 0 })
})

test('over many blocks none is counted twice, and none is left out', async (t) => {
  const folder = await folderOf(t)
  await keep(
    folder,
    Array.from({ length: 1_000 }, (_, n) =>
      n % 100 === 0
        ? report(`T.${n}`, [{ kind: 'complaint', from: 'news@example.com' }], n / 100)
        : delivered(`q-${n}`, 'news@example.com', [`u${n}@r.test`], n / 100),
    ),
  )
  assert.deepEqual(await trafficOf(['example.com'], folder), { days: 7, delivered: 990, complaints: 10 })
})

test('without records it is not known, which is not none; what is no record is passed over', async (t) => {
  const folder = await folderOf(t)
  assert.equal(await trafficOf(['example.com'], folder), undefined)
  await writeFile(recordFolder(folder), 'a file')
  assert.equal(await trafficOf(['example.com'], folder), undefined)
  const other = await folderOf(t)
  await mkdir(recordFolder(other))
  assert.deepEqual(await trafficOf(['example.com'], other), { days: 7, delivered: 0, complaints: 0 })
})
