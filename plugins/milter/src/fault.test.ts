import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { definePlugin } from '@postroad/plugin'
import { sessionWith } from '@postroad/testing'
import { type FilterScript, field, spoken, startFilter } from './fixture.test.ts'
import { milter } from './milter.ts'

const CLOCKS = { connect: 1_000, command: 400, content: 400, limit: 900 }
const letter = 'Subject: x\n\nbody\n'

/** What a session comes to with a filter that answers so, and what the log says of the plugin. */
async function failing(script: FilterScript, onError: 'defer' | 'pass' | 'reject' = 'defer', clocks: object = CLOCKS) {
  await using filter = await startFilter(script)
  const plugin = milter({ at: filter.at, timeouts: clocks })
  const { reply, lines } = await sessionWith({}, [plugin, { onError }]).rcpt('b@mx.test').data(letter)
  const reasons = lines.filter((line) => line['text'] === 'plugin failed').map(({ error }) => (error as Error).message) // as it was logged
  assert.equal(filter.open.size, 0, 'a connection is left open')
  return { reply, reasons, filter }
}

/** A server of something else at the place of a milter. */
async function foreign(answer: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', () => socket.end(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  try {
    const plugin = milter({ at: `inet:127.0.0.1:${port}`, timeouts: CLOCKS })
    const { lines } = await sessionWith({}, plugin).rcpt('b@mx.test')
    return lines.map(({ error }) => (error as Error | undefined)?.message ?? '').join('')
  } finally {
    server.close()
  }
}

test('trap 22: the error says what answers there', async () => {
  assert.match(await foreign('HTTP/1.1 400 Bad Request\r\n\r\n'), /this is HTTP, not milter/)
  assert.match(await foreign('UNKNOWN COMMAND\n'), /this is clamd, not milter/)
  assert.match(await foreign('220 mx.test ESMTP\r\n'), /this is a server of SMTP, not milter/)
})

test('trap 24: a length that is none ends the session, bounded', async () => {
  const { reply, reasons } = await failing({
    says: ({ kind }) => (kind === 'mail' ? Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x63]) : undefined),
  })
  assert.deepEqual([reply?.code, reply?.status], [451, '4.3.0'])
  assert.match(reasons.join('\n'), /at mail: a frame says that it has 2147483647 octets: this is not milter/)
})

for (const fault of ['silence', 'hang up'] as const)
  test(`${fault} at any step: onError decides, and it says where`, async () => {
    const kinds = ['connect', 'helo', 'mail', 'rcpt', 'data', 'header', 'endOfHeader', 'body', 'endOfMessage']
    await Promise.all(
      kinds.map(async (kind) => {
        const says: FilterScript['says'] = (command) => (command.kind === kind ? fault : undefined)
        const { reply, reasons } = await failing({ says })
        assert.equal(reply?.code, kind === 'connect' ? 421 : 451)
        const pattern =
          fault === 'silence' ? /no answer within \d+ ms/ : /it closed the connection|the connection broke/
        assert.match(reasons.join('\n'), pattern)
        assert.match(reasons.join('\n'), new RegExp(`^inet:127.0.0.1:\\d+: at ${kind}: `))
        assert.equal((await failing({ says }, 'pass')).reply?.code, 250)
        assert.equal((await failing({ says }, 'reject')).reply?.code, 554)
      }),
    )
  })

test('nobody there: the error says so, and each message asks again', async () => {
  await using filter = await startFilter()
  const { at } = filter
  await filter[Symbol.asyncDispose]()
  const { reply, lines } = await sessionWith({}, [milter({ at, timeouts: CLOCKS }), { onError: 'pass' }])
    .rcpt('b@mx.test')
    .data(letter)
  assert.equal(reply?.code, 250)
  assert.match(
    JSON.stringify(lines.find((line) => line['text'] === 'plugin failed')),
    /it cannot be reached: connect ECONNREFUSED/,
  )
})

test('a milter that fails at the connection is asked once for it, and not once more at HELO and MAIL', async () => {
  const says: FilterScript['says'] = ({ kind }) => (kind === 'connect' ? 'hang up' : undefined)
  const { filter, reasons, reply } = await failing({ says }, 'pass')
  assert.deepEqual([filter.connections, new Set(reasons).size, reply?.code], [1, 1, 250])
})

test('after a failure the next message of the session has a new connection, which hears all', async () => {
  let isBroken = true
  const says: FilterScript['says'] = ({ kind }) => {
    if (kind !== 'endOfMessage' || !isBroken) return undefined
    isBroken = false
    return 'hang up'
  }
  await using filter = await startFilter({ says })
  await sessionWith({}, milter({ at: filter.at }))
    .rcpt('b@mx.test')
    .data(letter)
    .expectCode(451)
    .mail('c@client.test')
    .rcpt('d@mx.test')
    .data(letter)
    .expectCode(250)
  assert.equal(filter.connections, 2)
  assert.deepEqual(spoken(filter).slice(-10), [
    'options 6',
    'connect [192.0.2.1] inet 192.0.2.1',
    'helo client.test',
    'mail <c@client.test>',
    'rcpt <d@mx.test>',
    'data',
    'endOfHeader',
    'body',
    'endOfMessage',
    'quit',
  ])
})

test('progress begins the clock anew, and never without end', async () => {
  const working = async (times: number) => {
    await using filter = await startFilter({ says: ({ kind }) => (kind === 'endOfMessage' ? 'silence' : undefined) })
    const session = sessionWith({}, milter({ at: filter.at, timeouts: CLOCKS }))
      .rcpt('b@mx.test')
      .data(letter)
    const beat = setInterval(() => {
      const [socket] = filter.open
      if (!filter.heard.includes('endOfMessage') || !socket) return
      if (times-- > 0) socket.write(Buffer.from([0, 0, 0, 1, 0x70]))
      else socket.write(Buffer.from([0, 0, 0, 1, 0x63]))
    }, 150)
    try {
      return await session
    } finally {
      clearInterval(beat)
    }
  }
  assert.equal((await working(3)).reply?.code, 250)
  const endless = await working(1_000)
  assert.equal(endless.reply?.code, 451)
  assert.match(JSON.stringify(endless.lines), /it was at work for more than 900 ms/)
})

test('a filter that answers what it did not ask for, or speaks a version that was not offered, has failed', async () => {
  const says: FilterScript['says'] = ({ kind }) =>
    kind === 'endOfMessage' ? [{ kind: 'addHeader', ...field('X', ' y') }, 'continue'] : undefined
  assert.match((await failing({ actions: 0, says })).reasons.join(), /it answers addHeader, which it did not ask for/)
  const newer = await failing({ offer: { kind: 'options', version: 7, actions: 0, steps: 0 } })
  assert.match(newer.reasons.join(), /speaks version 7, and 6 was offered/)
  const more = await failing({ offer: { kind: 'options', version: 6, actions: 0x8000, steps: 0 } })
  assert.match(more.reasons.join(), /actions that were not offered/)
  assert.match((await failing({ offer: 'continue' })).reasons.join(), /it answered the offer with continue/)
})

test('a new body without end is not taken', async () => {
  const flood = Array.from({ length: 19 }, () => ({ kind: 'replaceBody', data: Buffer.alloc(900_000, 'x') }) as const)
  const says: FilterScript['says'] = ({ kind }) => (kind === 'endOfMessage' ? [...flood, 'continue'] : undefined)
  const { reply, reasons } = await failing({ says }, 'defer', {})
  assert.equal(reply?.code, 451)
  assert.match(reasons.join(), /its new body has more than \d+ octets/)
})

test('a slow filter slows the client down, and little of the message waits in memory', async () => {
  let most = 0
  let sent = 0
  const says: FilterScript['says'] = ({ kind }, filter) => {
    if (kind === 'body') most = Math.max(most, sent - filter.body.length)
    return undefined
  }
  await using filter = await startFilter({ says })
  const counting = definePlugin({
    name: 'counting',
    hooks: { receive: () => ({ write: (chunk) => void (sent += chunk.length) }) },
  })
  await sessionWith({}, milter({ at: filter.at }), counting())
    .rcpt('b@mx.test')
    .data(`Subject: x\n\n${`${'z'.repeat(76)}\n`.repeat(40_000)}`)
    .expectCode(250)
  assert.equal(filter.body.length, 40_000 * 78)
  assert.ok(most < 4_000_000, `${most} octets`)
})
