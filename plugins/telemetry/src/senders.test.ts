import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DeliveryFacts,
  DeliveryHooks,
  type DeliveryResultContext,
  definePlugin,
  type Feedback,
  feedback,
  reject,
} from '@postroad/plugin'
import { createTestServer, sessionOn } from '@postroad/testing'
import { telemetry } from './index.ts'

const COMPLAINT: Feedback = {
  kind: 'complaint',
  recipient: 'a@r.test',
  reported: undefined,
  from: 'news@example.com',
  transaction: 'T.1',
}

const address = (local: string, domain: string) => ({ local, domain }) as never // all that is read of one

/** Says what reports say, as `bounces` does. */
const reports = definePlugin({
  name: 'reports',
  hooks: {
    message: {
      provides: [feedback],
      handler: ({ message, set }) => {
        const subject = message.headers.get('subject')
        if (subject === 'news') return undefined
        set(feedback, [
          COMPLAINT,
          { ...COMPLAINT, from: 'shop@sub.example.com' },
          { ...COMPLAINT, kind: 'failed', fault: 'address' },
          { ...COMPLAINT, kind: 'failed', fault: 'mailbox' },
          { ...COMPLAINT, kind: 'failed', fault: 'address' },
          // Nobody knows whose it was: it may be anybody's.
          { ...COMPLAINT, from: undefined, recipient: undefined },
        ])
        return subject === 'refused' ? reject('No') : undefined
      },
    },
  },
})

async function withSenders(
  senders: string[],
  work: (setting: {
    server: Awaited<ReturnType<typeof createTestServer>>
    tell: DeliveryHooks['tell']
    /** Lines of these two numbers, as they are served. */
    lines(): Promise<readonly string[]>
  }) => Promise<void>,
): Promise<void> {
  let tell: DeliveryHooks['tell'] | undefined
  const queue = definePlugin({
    name: 'some-queue',
    needs: { hooks: DeliveryHooks },
    setup: ({ hooks }) => ({ start: () => void (tell = hooks.tell) }),
  })
  const server = await createTestServer([telemetry({ prometheus: { port: 0 }, senders }), reports(), queue()])
  try {
    server.server.log.flush()
    const port = server.lines.find(({ text }) => text === 'metrics are served')?.['port']
    assert.ok(tell)
    await work({
      server,
      tell,
      async lines() {
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
        return text
          .split('\n')
          .filter((line) => /^postroad_(sent|feedback)_total\{/.test(line))
          .sort()
      },
    })
  } finally {
    await server.close()
  }
}

test('what reports say is counted by sender, kind and fault, one for each recipient, and only of mail that is known', () =>
  withSenders([], async ({ server, lines }) => {
    for (const subject of ['report', 'news', 'report']) await sessionOn(server).data({ Subject: subject }).quit()
    assert.deepEqual(await lines(), [
      'postroad_feedback_total{sender="example.com",kind="complaint",fault=""} 2',
      'postroad_feedback_total{sender="example.com",kind="failed",fault="address"} 4',
      'postroad_feedback_total{sender="example.com",kind="failed",fault="mailbox"} 2',
      'postroad_feedback_total{sender="sub.example.com",kind="complaint",fault=""} 2',
    ])
  }))

test('a report that was refused comes again, and is not counted before', () =>
  withSenders([], async ({ server, lines }) => {
    await sessionOn(server).data({ Subject: 'refused' }).quit()
    assert.deepEqual(await lines(), [])
  }))

test('recipients that mail of senders was delivered to are counted by its domain; of others, and what was not delivered, never', () =>
  withSenders(['news@example.com', '*@*.example.com'], async ({ server: { clock }, tell, lines }) => {
    const told = (
      from: readonly [local: string, domain: string] | undefined,
      count: number,
    ): DeliveryFacts<DeliveryResultContext> => ({
      id: '1',
      envelope: { id: '1', from: from && address(...from), parameters: {} },
      route: { via: 'smtp' },
      recipients: Array.from({ length: count }, (_, n) => ({ address: address(`u${n}`, 'r.test'), parameters: {} })),
      attempt: 1,
      queuedAt: clock.now(),
      reply: { code: 250, text: 'Ok' },
      class: undefined,
    })
    tell('delivered', told(['news', 'example.com'], 3))
    tell('delivered', told(['news', 'example.com'], 1))
    tell('delivered', told(['shop', 'sub.example.com'], 1))
    tell('delivered', told(['boss', 'example.com'], 5))
    tell('delivered', told(['news', 'other.test'], 5))
    tell('delivered', told(undefined, 5))
    tell('deferred', told(['news', 'example.com'], 5))
    tell('bounced', told(['news', 'example.com'], 5))
    assert.deepEqual(await lines(), [
      'postroad_sent_total{sender="example.com"} 4',
      'postroad_sent_total{sender="sub.example.com"} 1',
    ])
  }))
