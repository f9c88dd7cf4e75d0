import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QueueDesk } from '@postroad/queue-engine'
import { until } from './wait.ts'

type Rows = Awaited<ReturnType<QueueDesk['list']>>['items']
const BASE: Omit<Rows[number], 'states'> = {
  id: '1',
  queuedAt: 0,
  from: '',
  to: ['u@r.test'],
  recipients: 1,
  size: 1,
  sites: [],
  attempts: 1,
}

/** Waits in looks of a millisecond until `looks` were made. */
async function waited(rows: (look: number) => Rows, looks = 5): Promise<number> {
  let made = 0
  const list = async () => ({ items: rows(++made), next: undefined })
  await until({ what: 'it', isSo: () => made >= looks, progress: () => 0, queue: { list }, lookMs: 1 })
  return made
}

test('mail that waits for its time is waited for, however often one looks', async () => {
  const rows = [{ ...BASE, states: ['scheduled'] as Rows[number]['states'], nextAt: Date.now() + 300_000 }]
  assert.equal(await waited(() => rows), 5)
})

test('mail that moves between two looks is waited for', async () => {
  assert.equal(await waited((look) => [{ ...BASE, id: String(look), states: ['claimed' as const] }]), 5)
})

test('mail that is overdue, claimed or too far away in two looks, and an empty queue, are told', async () => {
  const row = (state: Rows[number]['states'][number], more: Partial<Rows[number]> = {}): Rows => [
    { ...BASE, states: [state], ...more },
  ]
  const said: readonly (readonly [Rows, RegExp])[] = [
    [
      row('scheduled', { nextAt: Date.now() - 60_000, reply: '450 4.2.1 Later' }),
      /u@r\.test scheduled for -60 s, attempt 1, 450 4\.2\.1 Later/,
    ],
    [row('claimed'), /u@r\.test claimed, attempt 1, no reply/],
    [row('waiting'), /waiting/],
    [row('scheduled', { nextAt: Date.now() + 5 * 86_400_000 }), /scheduled/],
    [[], /In the queue: nothing/],
  ]
  for (const [rows, text] of said)
    await assert.rejects(
      waited(() => rows),
      text,
    )
})
