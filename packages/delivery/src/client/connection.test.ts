import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import type { Reply } from '@postroad/mail'
import { createSink } from '@postroad/testing'
import { openConnection } from './connect.ts'
import type { ClientConnection, CommandExchange } from './connection.ts'
import { TIMEOUTS } from './timeouts.ts'

async function withConnection(
  script: Parameters<typeof createSink>[0],
  work: (connection: ClientConnection) => Promise<void>,
): Promise<void> {
  const sink = await createSink(script)
  const target = { protocol: 'smtp', host: '127.0.0.1', port: sink.port, tls: { mode: 'none' } } as const
  const connection = await openConnection(target, {
    hostname: 'client.test',
    timeouts: TIMEOUTS,
    signal: new AbortController().signal,
  })
  try {
    await work(connection)
  } finally {
    connection.destroy()
    await sink.close()
  }
}

/** What an exchange hears, in order. */
function listen(count: number): { readonly exchange: CommandExchange; readonly heard: Promise<readonly string[]> } {
  const heard: string[] = []
  let done: (heard: readonly string[]) => void = () => {}
  const hear = (text: string) => {
    heard.push(text)
    if (heard.length === count) done(heard)
  }
  const exchange = {
    timeoutMs: 1000,
    reply: ({ code }: Reply) => hear(`${code}`),
    lost: ({ code, text }: Reply) => hear(`lost ${code} ${text}`),
  }
  return { exchange, heard: new Promise((resolve) => (done = resolve)) }
}

test('nodemailer still has the parts that its types hide and ours stand on', () => {
  const { prototype } = createRequire(import.meta.url)('nodemailer/lib/smtp-connection') as {
    readonly prototype: Record<string, unknown> // hidden by the types
  }
  for (const name of [
    '_onConnect',
    '_sendCommand',
    '_upgradeConnection',
    '_onData',
    '_onClose',
    '_onTimeout',
    '_onError',
    '_parseEhloExtensions',
  ])
    assert.equal(typeof prototype[name], 'function', name)
})

test('the keywords of EHLO are known after the handshake', async () => {
  await withConnection({ extensions: ['SIZE 12', 'DSN'] }, async ({ extensions }) => {
    assert.deepEqual([extensions.size, extensions.dsn, extensions.pipelining], [12, true, false])
  })
})

test('a command with a line break is a mistake of ours, and is never sent', async () => {
  await withConnection({}, async (connection) => {
    const { exchange } = listen(1)
    for (const line of ['MAIL FROM:<a>\r\nRCPT TO:<b>', 'NOOP\n', 'NOOP\r'])
      assert.throws(() => connection.command(line, exchange), TypeError)
    assert.ok(connection.isIdle)
  })
})

test('replies come in the order of the commands; a lost connection is told once to each that waits', async () => {
  await withConnection(
    { script: ({ verb, nth }) => (verb === 'NOOP' && nth === 2 ? { end: 'close' } : undefined) },
    async (connection) => {
      const first = listen(2)
      const second = listen(1)
      connection.command('NOOP', first.exchange)
      connection.command('NOOP', first.exchange)
      connection.command('NOOP', second.exchange)
      connection.command('NOOP', second.exchange)
      connection.flush()
      assert.deepEqual(await first.heard, ['250', 'lost 451 Connection lost'])
      assert.deepEqual(await second.heard, ['lost 451 Connection lost'])
      assert.ok(!connection.isOpen)
      const late = listen(1)
      connection.command('NOOP', late.exchange)
      assert.deepEqual(await late.heard, ['lost 451 Connection lost'])
    },
  )
})

test('a reply that nobody waits for ends the connection: the next would be taken for another’s', async () => {
  await withConnection(
    { script: ({ verb }) => (verb === 'NOOP' ? '250 Ok\n250 Ok' : undefined) },
    async (connection) => {
      const { exchange, heard } = listen(1)
      connection.command('NOOP', exchange)
      connection.flush()
      assert.deepEqual(await heard, ['250'])
      while (connection.isOpen) await new Promise(setImmediate)
    },
  )
})
