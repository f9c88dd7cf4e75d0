/** The machine as doctor sees it: a time server and ports over real sockets, and what is made of their answers. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { CHECKS, type DoctorContext, machineWorld } from '@postroad/doctor'

type World = DoctorContext['world']

/** Seconds from 1900 to 1970. */
const EPOCH = 2_208_988_800

/** RFC 5905 §7.3: answers with the time of a clock that is `ahead` milliseconds of ours; `answer` may be another than a right one. */
async function timeServer(
  ahead: number,
  answer: (right: Buffer) => Buffer | undefined = (right) => right,
): Promise<AsyncDisposable & { readonly place: string }> {
  const socket = createSocket('udp4')
  socket.on('message', (question, { port, address }) => {
    assert.deepEqual([question.length, question[0]], [48, 0x23])
    const right = Buffer.alloc(48)
    right[0] = 0x24
    for (const offset of [32, 40]) {
      const now = (Date.now() + ahead) / 1_000
      right.writeUInt32BE(Math.floor(now) + EPOCH, offset)
      right.writeUInt32BE(Math.floor((now % 1) * 2 ** 32), offset + 4)
    }
    const sent = answer(right)
    if (sent) socket.send(sent, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    place: `127.0.0.1:${socket.address().port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(resolve)),
  }
}

async function clockBy(...time: readonly string[]): Promise<string> {
  const check = CHECKS.find(({ name }) => name === 'clock') ?? assert.fail()
  const world: World = machineWorld({ time })
  const [found, ...more] = await check.run({ world, signal: new AbortController().signal } as never) // it looks at nothing else
  assert.deepEqual(more, [])
  return `${found?.state} ${found?.evidence}`
}

// A busy machine takes its time between a question and its answer: what is measured is wrong by half of that.
const TABLE: readonly (readonly [ahead: number, said: RegExp])[] = [
  [0, /^ok -?\d{1,3} ms from the world’s$/],
  [-300_000, /^fault (?:29\d|30\d)\.\d s ahead$/],
  [300_000, /^fault (?:29\d|30\d)\.\d s behind$/],
  [20_000, /^remark (?:1\d|2\d)\.\d s behind$/],
  [-20_000, /^remark (?:1\d|2\d)\.\d s ahead$/],
]

for (const [ahead, said] of TABLE)
  test(`RFC 5905 §8: the world is ${ahead / 1_000} s ahead`, async () => {
    await using server = await timeServer(ahead)
    assert.match(await clockBy(server.place), said)
  })

test('who is silent, says no time or half an answer is passed over; without anybody it is a remark', async () => {
  await using silent = await timeServer(0, () => undefined)
  await using zero = await timeServer(0, (right) => right.fill(0, 32))
  await using half = await timeServer(0, (right) => right.subarray(0, 40))
  await using right = await timeServer(-300_000)
  assert.match(await clockBy(zero.place, half.place, 'nowhere.invalid', right.place), /^fault \d+\.\d s ahead$/)
  assert.match(await clockBy(silent.place), /^remark nobody could be asked for the time$/)
  assert.match(await clockBy(), /^remark nobody could be asked/)
})

test('a port is open where somebody answers, and a closed one says so', async () => {
  const server = createServer((socket) => socket.end('220 mx.test\r\n')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const { connect } = machineWorld({ time: [] })
  const socket = await connect({ host: '127.0.0.1', port, timeoutMs: 60_000 })
  const [said] = (await once(socket, 'data')) as [Buffer]
  assert.match(String(said), /^220 mx\.test/)
  socket.destroy()
  server.close()
  await once(server, 'close')
  await assert.rejects(connect({ host: '127.0.0.1', port, timeoutMs: 60_000 }), { code: 'ECONNREFUSED' })
})
