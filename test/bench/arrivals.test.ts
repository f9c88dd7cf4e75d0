import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { ArrivalClock, countIn, poissonArrivals, seeded } from './arrivals.ts'
import { makeData } from './load.ts'
import { openTransactions } from './load-transaction.ts'

const load = {
  port: 0,
  sessions: 2,
  messages: 6,
  data: makeData(400),
  single: false,
  pipelined: false,
  limitMs: 30_000,
}

test('arrivals of one seed are the same, of another are others', () => {
  assert.deepEqual(poissonArrivals(100, 50, seeded(1)), poissonArrivals(100, 50, seeded(1)))
  assert.notDeepEqual(poissonArrivals(100, 50, seeded(1)), poissonArrivals(100, 50, seeded(2)))
})

test('arrivals ascend; their gaps have the mean and the spread of an exponential distribution', () => {
  const times = poissonArrivals(200, 20_000, seeded(7))
  const gaps = times.map((at, index) => at - (times[index - 1] ?? 0))
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
  assert.ok(gaps.every((gap) => gap >= 0))
  assert.ok(Math.abs(mean - 5) < 0.15, `a mean of ${mean} ms`)
  assert.ok(Math.abs(deviation - 5) < 0.25, `a deviation of ${deviation} ms`)
  // Of an exponential distribution 1 - 1/e is below the mean.
  assert.ok(Math.abs(gaps.filter((gap) => gap < 5).length / gaps.length - 0.632) < 0.015)
})

test('a window has as many messages as the rate makes, within its bounds', () => {
  const bounds = { least: 40, most: 5_000 }
  assert.deepEqual(
    [100, 1, 9_000].map((rate) => countIn(4_000, rate, bounds)),
    [400, 40, 5_000],
  )
})

test('no time is told of before it has come, each once and in order', async () => {
  const due = [0, 0.25, 1.5, 1.5, 12]
  const told: { at: number; now: number }[] = []
  const clock = await ArrivalClock.open()
  await clock.run(due, new AbortController().signal, (at) => told.push({ at, now: clock.now() }))
  assert.deepEqual(
    told.map(({ at }) => at),
    due,
  )
  assert.ok(told.every(({ at, now }) => now >= at))
})

test('times that have not come when it is stopped are not told of', async () => {
  const stop = new AbortController()
  const told: number[] = []
  const clock = await ArrivalClock.open()
  await clock.run([0, 3_600_000], stop.signal, (at) => {
    told.push(at)
    stop.abort()
  })
  assert.deepEqual(told, [0])
})

/** A server of which a test says what follows a message. */
async function serve(t: TestContext, onMessage: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined))
    socket.write('220 ready\r\n')
    let text = ''
    let isData = false
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      for (;;) {
        const end = text.indexOf(isData ? '\r\n.\r\n' : '\r\n')
        if (end < 0) return
        const line = text.slice(0, end)
        text = text.slice(end + (isData ? 5 : 2))
        if (isData) onMessage(socket)
        else socket.write(line === 'DATA' ? '354 go on\r\n' : '250-one\r\n250 two\r\n')
        isData = !isData && line === 'DATA'
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

for (const pipelined of [false, true])
  test(`each message of a closed loop has its wait${pipelined ? ', pipelined' : ''}`, async (t) => {
    const port = await serve(t, (socket) => socket.write('250 stored\r\n'))
    const driver = await openTransactions({ port, sessions: 2 })
    t.after(() => driver.close())
    const { messages, waits } = await driver.send({ ...load, pipelined })
    assert.deepEqual([messages, waits.length], [6, 6])
  })

test('the clock of a message begins when it is due, not when it is sent', async (t) => {
  const port = await serve(t, (socket) => socket.write('250 stored\r\n'))
  const driver = await openTransactions({ port, sessions: 1, due: [-9_000, -8_000, -7_000] })
  t.after(() => driver.close())
  const { messages, waits } = await driver.send(load)
  assert.equal(messages, 3)
  assert.deepEqual(
    waits.map((wait, index) => wait >= 9_000 - index * 1_000),
    [true, true, true],
  )
})

test('what is due and not begun when the time is over is not sent, and its wait counts; what is not due does not', async (t) => {
  // Later than the limit, whose timer is older.
  const port = await serve(t, (socket) => setTimeout(() => socket.write('250 stored\r\n'), 400))
  const driver = await openTransactions({ port, sessions: 1, due: [-9_000, -8_000, 3_600_000] })
  t.after(() => driver.close())
  const { messages, waits } = await driver.send({ ...load, limitMs: 300 })
  assert.ok(messages <= 1, `${messages} were sent`)
  assert.equal(waits.length, 2)
  assert.ok(waits.every((wait) => wait >= 8_000))
})

test('a refusal ends an open loop with the server’s code', async (t) => {
  const port = await serve(t, (socket) => socket.write('451 4.3.0 not now\r\n'))
  const driver = await openTransactions({ port, sessions: 2, due: [0, 1, 3_600_000] })
  t.after(() => driver.close())
  await assert.rejects(driver.send(load), /451 in place of 250/)
})
