/** A plugin says the same in process and through our own milter client and server: the same replies, the same message, the same envelope. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { milter } from '@postroad/milter'
import { createMilterListener } from '@postroad/milter-protocol/server'
import { createTestServer, sessionOn, type TestServer, type Used } from '@postroad/testing'
import fc from 'fast-check'
import { type Behaviour, behaviour, oracle } from './milter-oracle.ts'

/** As servers have it by default: what refuses a client at once says 421 to a mail server that asks, whatever it would say to a client. */
const config = { refuseAt: 'rcpt' } as const
const letter = 'Received: from elsewhere\nSubject: x\nA: 1\nB: b\nA: 2\n folded\nA:\t3\n\nbody\n.dot\n'

/** A body of nothing takes a piece of nothing: without one the old body stayed. */
const EMPTIED: Behaviour = {
  ...{ connect: '', helo: '', mail: '', rcpt: '', data: '', message: '' },
  ...{ edits: [{ kind: 'body', text: '' }], from: '', add: [], remove: [] },
}

/** What a client hears of a session, command by command, and what arrives. */
async function session(...plugins: readonly Used[]) {
  const server = await createTestServer(plugins, { config })
  try {
    const heard: string[] = []
    const hear = ({
      reply,
    }: {
      readonly reply: { code: number; status?: string | undefined; text: unknown } | undefined
    }): void =>
      void heard.push(
        reply
          ? `${reply.code} ${reply.status} ${[reply.text]
              .flat()
              .join('\n')
              .replaceAll(/ \(id \S+\)/g, '')}`
          : '',
      )
    await sessionOn(server)
      .connect()
      .expect(hear)
      .helo()
      .expect(hear)
      .mail('a@client.test')
      .expect(hear)
      .rcpt('b@mx.test')
      .expect(hear)
      .rcpt('c@mx.test')
      .expect(hear)
      .data(letter)
      .expect(hear)
      .quit()
    const arrived = server.delivered.map(({ from, to, bytes, quarantined }) => ({
      from,
      to,
      quarantined,
      text: Buffer.from(bytes)
        .toString('latin1')
        .replace(/ id \S+/, ''),
    }))
    return { heard: heard.map((line) => line.replace(/queued as .*/, '')), arrived, failures: failuresOf(server) }
  } finally {
    await server.close()
  }
}

function failuresOf({ lines }: TestServer): readonly unknown[] {
  return lines.filter(({ text }) => text === 'plugin failed').map(({ error }) => error)
}

/** The same plugins, behind a listener of kind milter that our client asks. */
async function throughMilter(said: Behaviour) {
  const judging = await createTestServer([oracle(said)], { protocol: 'milter', config })
  const scope = {
    hooks: new Set(['connect', 'helo', 'mail', 'rcpt', 'data', 'message', 'rewrite']),
    tags: false,
    attach: judging.server.attach('test'),
  }
  const errors: unknown[] = []
  // `as`: a server that judges attaches judging stages.
  const listener = createMilterListener(
    { name: 'test', hostname: 'mx.test', onError: (error) => void errors.push(error) },
    scope as unknown as Parameters<typeof createMilterListener>[1],
  )
  try {
    await listener.listen()
    const { address } = listener
    const at = 'path' in address ? `unix:${address.path}` : `inet:${address.host}:${address.port}`
    const outcome = await session(milter({ at }))
    assert.deepEqual([...errors, ...outcome.failures, ...failuresOf(judging)], [])
    return outcome
  } finally {
    await listener.close(0)
    await judging.close()
  }
}

test('property: whatever a plugin says and does, client and server see the same as in process', async () => {
  await fc.assert(
    fc.asyncProperty(behaviour, async (said) => {
      const inProcess = await session(oracle(said))
      const through = await throughMilter(said)
      assert.deepEqual(through, inProcess)
    }),
    { numRuns: 40, examples: [[EMPTIED]] },
  )
})
