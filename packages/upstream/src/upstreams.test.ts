import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '@postroad/testing'
import { parseDaemon } from './daemon.ts'
import { scanOpinion, Upstreams } from './index.ts'
import { scannerOptions } from './zod.ts'

const ever = new AbortController().signal

function upstreams(count: number, settings: { readonly atOnce?: number } = {}) {
  const clock = fakeClock()
  const logged: string[] = []
  const note = (_: object, text: string): void => void logged.push(text)
  const at = Array.from({ length: count }, (_, i) => parseDaemon(`d${i}`, 1))
  const log = { debug: () => undefined, info: note, warn: note, error: note }
  const all = new Upstreams({ at, deadline: 9_000, atOnce: 100, failures: 2, pause: 10_000, clock, log, ...settings })
  return { all, clock, logged }
}

const name = async ({ name }: { readonly name: string }): Promise<string> => name
const hang = (): Promise<never> => new Promise(() => undefined)

test('daemons that work are asked in turn', async () => {
  const { all } = upstreams(3)
  const asked = []
  for (let i = 0; i < 6; i++) asked.push((await all.ask(name, ever)).daemon)
  assert.deepEqual(asked, ['d0', 'd1', 'd2', 'd0', 'd1', 'd2'])
})

test('who has less to do is asked before whose turn it is', async () => {
  const { all, clock } = upstreams(2)
  const stop = new AbortController()
  for (let i = 0; i < 2; i++)
    void all.ask((daemon) => (daemon.name === 'd0' ? hang() : name(daemon)), stop.signal).catch(() => undefined)
  await clock.advance(1)
  assert.equal((await all.ask(name, ever)).daemon, 'd1')
  stop.abort()
})

test('one that fails is stood in for by the next; one that fails again and again is asked last for a while, and then once', async () => {
  const { all, clock, logged } = upstreams(2)
  let asked: string[] = []
  const question = async (daemon: { readonly name: string }) => {
    asked.push(daemon.name)
    if (daemon.name === 'd0') throw new Error('connect ECONNREFUSED')
    return 'clean'
  }
  for (let i = 0; i < 4; i++) assert.equal((await all.ask(question, ever)).value, 'clean')
  assert.deepEqual(asked, ['d0', 'd1', 'd1', 'd0', 'd1', 'd1'])
  assert.deepEqual(all.down, ['d0'])
  asked = []
  for (let i = 0; i < 4; i++) await all.ask(question, ever)
  assert.deepEqual(asked, ['d1', 'd1', 'd1', 'd1'])
  await clock.advance(10_000)
  asked = []
  for (let i = 0; i < 4; i++) await all.ask(question, ever)
  assert.deepEqual(asked, ['d0', 'd1', 'd1', 'd1', 'd1'])
  assert.deepEqual(logged, ['a daemon fails again and again'])
  await clock.advance(10_000)
  for (let i = 0; i < 2; i++) await all.ask(name, ever)
  assert.deepEqual([all.down, logged.at(-1)], [[], 'a daemon answers again'])
})

test('when all are down, all are tried, and the error says what each said', async () => {
  const { all } = upstreams(2)
  const down = async (): Promise<never> => {
    throw new Error('connect ECONNREFUSED')
  }
  for (let i = 0; i < 5; i++)
    await assert.rejects(
      all.ask(down, ever),
      /^Error: no answer: d\d: connect ECONNREFUSED; d\d: connect ECONNREFUSED$/,
    )
  assert.deepEqual(all.down, ['d0', 'd1'])
  assert.equal((await all.ask(name, ever)).value.startsWith('d'), true)
})

test('who has a part of the question is asked first, unless it has failed since, or another one is to show whether it is back', async () => {
  const { all, clock } = upstreams(2)
  const asked = []
  for (let i = 0; i < 4; i++) {
    const next = all.next()
    asked.push(next?.name, (await all.ask(name, ever, next)).daemon)
  }
  assert.deepEqual(asked, ['d0', 'd0', 'd1', 'd1', 'd0', 'd0', 'd1', 'd1'])
  const first = all.next()
  const question = async (daemon: { readonly name: string }) => {
    if (daemon === first) throw new Error('connect ECONNREFUSED')
    return name(daemon)
  }
  for (let i = 0; i < 2; i++) assert.equal((await all.ask(question, ever, first)).daemon, 'd1')
  assert.deepEqual([all.next()?.name, (await all.ask(name, ever, first)).daemon], ['d1', 'd1'])
  await clock.advance(10_000)
  const after = []
  for (let i = 0; i < 2; i++) {
    all.next()
    after.push((await all.ask(name, ever, first)).daemon)
  }
  assert.equal(after.at(-1), 'd0')
  const down = upstreams(1).all
  for (let i = 0; i < 2; i++) await assert.rejects(down.ask(() => Promise.reject(new Error('no')), ever))
  assert.equal(down.next(), undefined)
})

test('one that hangs takes its share of the time, and not that of the next; its signal fires', async () => {
  const { all, clock } = upstreams(3)
  let signal: AbortSignal | undefined
  const answer = all.ask((daemon, given) => {
    if (daemon.name !== 'd0') return name(daemon)
    signal = given
    return hang()
  }, ever)
  await clock.advance(2_999)
  assert.equal(signal?.aborted, false)
  await clock.advance(1)
  assert.deepEqual(await answer, { value: 'd1', daemon: 'd1', ms: 3_000 })
  assert.equal(signal?.aborted, true)
})

test('the deadline is that of all together', async () => {
  const { all, clock } = upstreams(3)
  const answer = assert.rejects(
    all.ask(hang, ever),
    /d0: no answer within 3000 ms; d1: no answer within 3000 ms; d2: no/,
  )
  await clock.advance(9_000)
  await answer
})

test('when nobody wants the answer any more no other is asked, and nobody is blamed', async () => {
  const { all } = upstreams(2)
  const stop = new AbortController()
  const asked: string[] = []
  for (let i = 0; i < 3; i++) {
    const answer = all.ask((daemon) => {
      asked.push(daemon.name)
      return hang()
    }, stop.signal)
    stop.abort(new Error('the client is gone'))
    await assert.rejects(answer, /the client is gone/)
  }
  assert.deepEqual([asked, all.down], [['d0'], []])
})

test('no daemon is asked more at once than it can take; who waits is served in order, or has waited in vain', async () => {
  const { all, clock } = upstreams(1, { atOnce: 2 })
  const running: ((value: string) => void)[] = []
  const started: number[] = []
  const ask = (id: number) =>
    all.ask(() => {
      started.push(id)
      return new Promise<string>((resolve) => running.push(resolve))
    }, ever)
  const answers = [1, 2, 3, 4].map(ask)
  const ended = Promise.allSettled(answers)
  await clock.advance(1)
  assert.deepEqual(started, [1, 2])
  running[0]?.('one')
  assert.equal((await answers[0])?.value, 'one')
  await clock.advance(1)
  assert.deepEqual(started, [1, 2, 3])
  await clock.advance(9_000)
  const ends = await ended
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'rejected'],
  )
  running.length = 0
  const next = ask(5)
  await clock.advance(1)
  running[0]?.('five')
  assert.equal((await next).value, 'five')
})

test('a daemon is an address and port, or a socket', () => {
  const parsed = (text: string) => {
    const { name, ...rest } = parseDaemon(text, 3310)
    assert.equal(name, text)
    return rest
  }
  assert.deepEqual(parsed('127.0.0.1:11'), { host: '127.0.0.1', port: 11, tls: false })
  assert.deepEqual(parsed('scan.example.com'), { host: 'scan.example.com', port: 3310, tls: false })
  assert.deepEqual(parsed('::1'), { host: '::1', port: 3310, tls: false })
  assert.deepEqual(parsed('[::1]:5'), { host: '::1', port: 5, tls: false })
  assert.deepEqual(parsed('https://scan.example.com/'), { host: 'scan.example.com', port: 3310, tls: true })
  assert.deepEqual(parsed('tcp://[::1]:9'), { host: '::1', port: 9, tls: false })
  for (const text of ['/run/clamd.ctl', 'unix:/run/clamd.ctl', 'unix:///run/clamd.ctl'])
    assert.deepEqual(parsed(text), { path: '/run/clamd.ctl', tls: false })
  for (const wrong of ['', ':1', 'a:b', 'a:0', 'a:70000', 'http://a/b', 'ftp://a', 'a b', '[x]:1', 'unix:x'])
    assert.throws(() => parseDaemon(wrong, 3310), /is not where a daemon listens/, wrong)
})

test('the options that all share have defaults, and take one daemon or several', () => {
  const shape = scannerOptions({ at: '127.0.0.1:3310', port: 3310, deadline: '30 s', maxSize: '25 MiB', atOnce: 10 })
  const at = (value: string | readonly string[] | undefined) => shape.at.parse(value).map(({ name }) => name)
  assert.deepEqual([at(undefined), at('/run/x'), at(['a', 'b'])], [['127.0.0.1:3310'], ['/run/x'], ['a', 'b']])
  assert.match(String(shape.at.safeParse('a:b').error), /is not where a daemon listens/)
  assert.deepEqual(
    [shape.deadline, shape.maxSize, shape.unscanned, shape.atOnce, shape.pause].map((one) => one.parse(undefined)),
    [30_000, 26_214_400, 'none', 10, 10_000],
  )
})

test('what was not scanned is worth what the operator says', () => {
  const wording = { text: 'Too large to be scanned', reason: 'larger than 25 MiB' }
  assert.equal(scanOpinion('none', wording), undefined)
  assert.deepEqual(scanOpinion('quarantine', wording), { kind: 'quarantine', reason: wording.reason })
  assert.equal(scanOpinion('defer', wording)?.kind, 'defer')
  assert.deepEqual(scanOpinion(2, wording), { kind: 'suspect', points: 2, reason: wording.reason })
})
