import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { RoutedRecipient } from '@postroad/mail'
import { type Address, defer, definePlugin, type Hooks, reject } from '@postroad/plugin'
import type { Stages, Wire, WireReply } from '@postroad/smtp'
import { createServer } from '../server.ts'

const address = (local: string): Address => ({
  local,
  domain: 'x.test',
  isInternational: false,
  toString: () => `${local}@x.test`,
})
const LATER = { code: 451, status: '4.2.0', text: 'later' }
const NEVER = { code: 550, status: '5.1.1', text: 'never' }

/** A connection to an engine with these handlers; every recipient has a way. */
async function connect(t: TestContext, hooks: Hooks): Promise<() => Stages> {
  const base = await mkdtemp(path.join(tmpdir(), 'postroad-'))
  t.after(() => rm(base, { recursive: true, force: true }))
  const plugin = definePlugin({ name: 'p', hooks: { route: () => ({ via: 'x' }), ...hooks } })
  const server = await createServer(
    { hostname: 'mx.test', log: { format: 'silent' }, setup: (app) => void app.use(plugin()).listen({ port: 0 }) },
    { base },
  )
  t.after(() => server.close())
  const end = { address: '192.0.2.1', port: 25 }
  const wire: Wire = {
    listener: 'x',
    protocol: 'smtp',
    remote: end,
    local: end,
    tls: undefined,
    stress: false,
    disconnect: () => undefined,
  }
  return () => server.attach()(wire)
}

/** Replies to the RCPTs of one message, and to the message when one was accepted. */
async function send(stages: Stages, ...recipients: readonly string[]): Promise<readonly number[]> {
  await stages.helo('client.test', 'EHLO')
  await stages.mail(address('from'), {})
  const codes: number[] = []
  for (const local of recipients) codes.push((await stages.rcpt(address(local), {})).code)
  if (!codes.includes(250)) return codes
  assert.equal(await stages.data(), undefined)
  await stages.content().write(Buffer.from('Subject: x\r\n\r\nx\r\n'))
  const reply = (await stages.message()) as WireReply // with SMTP there is one
  return [...codes, reply.code]
}

/** A queue that says this of recipients, by local part, when the message is there. */
function refusing(said: Readonly<Record<string, WireReply>>): Hooks {
  const of = (recipient: RoutedRecipient) => {
    const { code, text } = said[recipient.address.local] ?? {}
    if (code === undefined || typeof text !== 'string') return []
    return [{ recipient, refusal: code < 500 ? defer(text) : reject(text) }]
  }
  return {
    queue: ({ deliveries }) => ({ id: '1', refused: deliveries.flatMap(({ recipients }) => recipients.flatMap(of)) }),
  }
}

test('a client whose recipients the next hop answers differently is to come again one by one, RFC 5321 §3.3', async (t) => {
  const attach = await connect(t, refusing({ b: LATER }))
  assert.deepEqual(await send(attach(), 'a', 'b'), [250, 250, 451])
  // Another connection of the same client: the first recipient is taken, the others wait.
  assert.deepEqual(await send(attach(), 'a', 'b'), [250, 452, 250])
  assert.deepEqual(await send(attach(), 'b'), [250, 451])
})

test('a client whose recipients the next hop refuses alike hears the most severe, and may send to several again', async (t) => {
  const attach = await connect(t, refusing({ b: LATER, c: NEVER }))
  assert.deepEqual(await send(attach(), 'b', 'c'), [250, 250, 550])
  assert.deepEqual(await send(attach(), 'b', 'c'), [250, 250, 550])
})

test('a client whose recipients plugins answer differently is to come again one by one', async (t) => {
  const attach = await connect(t, {
    message: () => reject('not b', { for: [address('b')] }),
    queue: () => ({ id: '1' }),
  })
  assert.deepEqual(await send(attach(), 'a', 'b'), [250, 250, 451])
  assert.deepEqual(await send(attach(), 'a', 'b'), [250, 452, 250])
})

test('a message that nobody takes is deferred', async (t) => {
  const attach = await connect(t, {})
  assert.deepEqual(await send(attach(), 'a'), [250, 451])
})

for (const hook of ['message', 'rewrite'] as const)
  test(`of a client that goes while plugins work at ${hook} nothing is taken: it will come again`, async (t) => {
    let queued = 0
    let asked = (): void => undefined
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const think = ({ signal }: { readonly signal: AbortSignal }): Promise<undefined> => {
      asked()
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)))
    }
    const attach = await connect(t, { [hook]: think, queue: () => ({ id: `${++queued}` }) })
    const stages = attach()
    const sent = send(stages, 'a')
    await isAsked
    stages.close('client')
    assert.deepEqual(await sent, [250, 451])
    assert.equal(queued, 0)
  })

test('a recipient without a transaction is an error, not a recipient', async (t) => {
  const attach = await connect(t, {})
  assert.throws(() => attach().rcpt(address('a'), {}), /there is no transaction/)
})
