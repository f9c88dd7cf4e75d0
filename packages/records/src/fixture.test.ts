/** What the tests of this package share: records as the core makes them, and a feed by hand. Has no tests of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Feed, FeedRecord, FeedWatcher } from '@postroad/plugin'

export const NOW = Date.UTC(2026, 10, 30, 12)

/** A record of a transaction; `at` is seconds from {@link NOW} on. */
export function transaction(id: string, at = 0, more: Readonly<Record<string, unknown>> = {}): FeedRecord {
  return {
    time: new Date(NOW + at * 1_000).toISOString(),
    event: 'transaction',
    id,
    listener: 'mx',
    remote: '192.0.2.7',
    port: 4711,
    helo: 'mail.client.test',
    from: 'alice@client.test',
    to: ['bob@mx.test'],
    messageId: '1@client.test',
    subject: 'Lunch on Friday',
    size: 500,
    points: 0,
    plugins: { greylist: 0.5, spf: 2 },
    queue: 'queue',
    receipt: `q-${id.toLowerCase()}`,
    ms: 12,
    reply: `250 2.0.0 Ok: ${id} queued as q-${id.toLowerCase()}`,
    ...more,
  }
}

/** One that greylisting has refused for now. */
export function greylisted(id: string, at = 0, more: Readonly<Record<string, unknown>> = {}): FeedRecord {
  const text = 'Greylisted, try again in 5 minutes'
  const { messageId: _id, subject: _subject, queue: _queue, receipt: _receipt, ...rest } = transaction(id, at)
  return {
    ...rest,
    to: [],
    size: 0,
    refused: [{ to: 'bob@mx.test', plugin: 'greylist', reply: `451 4.7.1 ${text}` }],
    opinions: [{ plugin: 'greylist', hook: 'rcpt', kind: 'defer', to: 'bob@mx.test', status: '4.7.1', text }],
    reply: `451 4.7.1 ${text}`,
    ...more,
  } as FeedRecord // time, event and id are those of the transaction
}

/** One of a delivery. */
export function delivery(
  event: string,
  transactionId: string,
  at: number,
  more: Readonly<Record<string, unknown>> = {},
): FeedRecord {
  return {
    time: new Date(NOW + at * 1_000).toISOString(),
    event,
    id: `q-${transactionId.toLowerCase()}`,
    transaction: transactionId,
    from: 'alice@client.test',
    to: ['bob@mx.test'],
    via: 'smtp',
    attempt: 1,
    host: 'mx.next.test',
    ms: 300,
    reply: '250 2.0.0 Ok',
    ...more,
  }
}

/** A feed that a test speaks through. */
export function handFeed(): Feed & { tell(...records: readonly FeedRecord[]): void } {
  const watchers = new Set<FeedWatcher>()
  return {
    watch(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    tell: (...records) => {
      for (const record of records)
        for (const watcher of watchers) watcher.recorded?.(record, { get line() { return `${JSON.stringify(record)}\n` } }) // biome-ignore format: one line
    },
  }
}

/** A folder that is gone after the test. */
export async function testFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-records-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
