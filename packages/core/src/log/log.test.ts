import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import vm from 'node:vm'
import type { FeedRecord } from '@postroad/plugin'
import { ServerFeed } from './feed.ts'
import { createLog, type LogOptions } from './log.ts'

function logged(options: LogOptions, use: (log: ReturnType<typeof createLog>) => void): string {
  let text = ''
  const log = createLog(
    {
      ...options,
      write: (lines) => {
        text += lines
      },
    },
    () => Date.UTC(2026, 0, 1),
  )
  use(log)
  log.flush()
  return text
}

test('one JSON line an event, with time, level, bound fields and errors with their causes', () => {
  const text = logged({ format: 'json' }, (log) =>
    log.child({ plugin: 'p' }).error({ error: new Error('no', { cause: new Error('why') }) }, 'failed'),
  )
  const line = JSON.parse(text)
  assert.equal(text.split('\n').length, 2)
  assert.equal(line.time, '2026-01-01T00:00:00.000Z')
  assert.deepEqual(
    [line.level, line.text, line.plugin, line.error.message, line.error.cause.message],
    ['error', 'failed', 'p', 'no', 'why'],
  )
})

test('what the system said is told at every level of the chain: call, errno, path; for people, too', () => {
  const denied = Object.assign(new Error('EACCES: permission denied'), {
    code: 'EACCES',
    errno: -13,
    syscall: 'open',
    path: '/var/mail/a',
  })
  const all = new AggregateError(
    [Object.assign(new Error('refused'), { code: 'ECONNREFUSED', address: '127.0.0.1', port: 24 })],
    'nobody answers',
  )
  const speak = (log: ReturnType<typeof createLog>): void =>
    log.error({ error: new Error('top', { cause: new Error('middle', { cause: denied }) }), all }, 'x')
  const line = JSON.parse(logged({ format: 'json' }, speak))
  const { code, errno, syscall, path } = line.error.cause.cause
  assert.deepEqual([code, errno, syscall, path], ['EACCES', -13, 'open', '/var/mail/a'])
  assert.deepEqual([line.all.errors[0].code, line.all.errors[0].port], ['ECONNREFUSED', 24])
  assert.match(
    stripVTControlCharacters(logged({ format: 'pretty' }, speak)),
    /top[\s\S]*caused by[\s\S]*middle[\s\S]*caused by[\s\S]*EACCES: permission denied/,
  )
})

test('causes in a circle are told as far as they go', () => {
  const error: Error = new Error('a')
  error.cause = new Error('b', { cause: error })
  const speak = (log: ReturnType<typeof createLog>): void => log.error({ error }, 'x')
  assert.equal(JSON.parse(logged({ format: 'json' }, speak)).error.cause.message, 'b')
  assert.match(logged({ format: 'pretty' }, speak), /caused by/)
})

test('foreign text cannot break a line, nor move the cursor of a reader', () => {
  const nasty = 'a\r\n{"level":"error"}\u001b[2J'
  assert.equal(
    logged({ format: 'json' }, (log) => log.info({ helo: nasty }, 'x'))
      .trimEnd()
      .split('\n').length,
    1,
  )
  const shown = stripVTControlCharacters(logged({ format: 'pretty' }, (log) => log.info({ helo: nasty }, 'x')))
  assert.equal(shown.trimEnd().split('\n').length, 1)
  assert.ok(!shown.includes('\u001b'))
})

test('the level keeps the rest out, and silent keeps everything out', () => {
  const speak = (log: ReturnType<typeof createLog>): void => {
    log.debug({}, 'd')
    log.warn({}, 'w')
  }
  assert.deepEqual(
    logged({ format: 'json', level: 'warn' }, speak)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).level),
    ['warn'],
  )
  assert.equal(logged({ format: 'silent' }, speak), '')
  assert.equal(createLog({ format: 'silent' }).enabled, false)
})

test('addresses are hashed when the operator wants it; the domain stays', () => {
  const line = {
    event: 'transaction',
    from: 'alice@a.test',
    to: ['bob@b.test'],
    refused: [{ to: 'carol@b.test', reply: '550' }],
    mail: { auth: 'dave@a.test', size: 5 },
    rcpt: [{ to: 'bob@b.test', orcpt: { type: 'rfc822', address: 'erin@b.test' } }],
    identity: 'frank',
    user: 'grace@a.test',
    helo: 'h',
  }
  const text = logged({ format: 'json', addresses: 'hashed' }, (log) => log.record(line))
  assert.doesNotMatch(text, /alice|bob|carol|dave|erin|frank|grace/)
  assert.match(text, /"from":"[0-9a-f]{12}@a\.test","to":\["[0-9a-f]{12}@b\.test"\]/)
})

test('a canonical line is the same in the log and for all who watch, and is written down once', () => {
  let looks = 0
  const line = {
    event: 'transaction',
    id: 'A.1',
    from: 'alice@a.test',
    facts: {
      counted: {
        toJSON() {
          looks++
          return new Map([['a', 1]])
        },
      },
    },
  }
  for (const addresses of ['plain', 'hashed'] as const) {
    looks = 0
    const told: { readonly record: FeedRecord; readonly line: string }[] = []
    const text = logged({ format: 'json', addresses }, (log) => {
      const feed = new ServerFeed(log)
      for (let n = 0; n < 3; n++) feed.watch({ recorded: (record, { line }) => void told.push({ record, line }) })
      feed.record(log.record(line))
    })
    assert.equal(looks, 1)
    const { level, ...rest } = JSON.parse(text)
    assert.equal(level, 'info')
    assert.deepEqual(
      told.map(({ line }) => JSON.parse(line)),
      [rest, rest, rest],
    )
    assert.ok(told.every(({ line }) => line.endsWith('}\n') && !line.slice(0, -1).includes('\n')))
    assert.equal(told[0]?.record.time, rest.time)
    assert.equal(told[0]?.record['from'], rest.from)
  }
})

test('what cannot be written of a canonical line costs its field, for who watches too', () => {
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  const told: string[] = []
  const text = logged({ format: 'json' }, (log) => {
    const feed = new ServerFeed(log)
    feed.watch({ recorded: (_record, { line }) => void told.push(line) })
    feed.record(log.record({ event: 'transaction', id: 'A.1', facts: circle }))
    feed.record(log.record({}))
  })
  assert.match(text, /"id":"A\.1","facts":"\(cannot be written\)"\}\n\{"time":"[^"]*","level":"info"\}\n$/)
  assert.match(told[0] ?? '', /"id":"A\.1","facts":"\(cannot be written\)"/)
})

test('a transaction for people: reply, envelope, refusals and opinions, each on a line', () => {
  const line = {
    event: 'transaction',
    id: 'X.1',
    from: 'a@b.test',
    to: [],
    size: 0,
    ms: 3,
    reply: '550 5.7.1 no',
    refused: [{ to: 'c@d.test', plugin: 'rule', reply: '550 5.7.1 no' }],
    opinions: [{ plugin: 'rule', hook: 'rcpt', kind: 'reject', text: 'no', shadow: true }],
    thresholds: [{ level: 'reject', at: 9, points: 9.5, to: ['e@f.test'] }],
  }
  const shown = stripVTControlCharacters(logged({ format: 'pretty' }, (log) => log.record(line)))
  assert.match(
    shown,
    /550 5\.7\.1 no\n +X\.1 <a@b\.test> to nobody, 0 octets, 3 ms\n +refused c@d\.test: 550 5\.7\.1 no \(rule\)\n +rule at rcpt: reject no \(shadow\)\n +thresholds: reject from 9, for 9\.5 points of e@f\.test/,
  )
})

test('every value can be logged: what throws when it is looked at costs its field, not the line, and nothing of whoever logs', () => {
  const boo = (): never => {
    throw new Error('boo')
  }
  const { proxy: revoked, revoke } = Proxy.revocable({}, {})
  revoke()
  const values: readonly unknown[] = [
    undefined,
    Symbol('s'),
    1n,
    Object.create(null),
    { toJSON: boo },
    Object.defineProperty(new Error('x'), 'stack', { get: boo }),
    Object.assign(new Error('x'), { stack: 5, message: {} }),
    new Proxy(new Error('x'), { get: boo, getPrototypeOf: boo }),
    revoked,
  ]
  for (const format of ['json', 'pretty'] as const)
    for (const value of values) {
      const text = logged({ format }, (log) => log.child({ plugin: 'p' }).error({ error: value, ok: 'fine' }, 'said'))
      assert.ok(/said/.test(text) && /fine/.test(text), text)
      // As the fields themselves, from JavaScript.
      assert.match(
        logged({ format }, (log) => log.info(value as object, 'said')),
        /said/,
      )
    }
  const foreign = logged({ format: 'json' }, (log) =>
    log.error({ error: vm.runInNewContext('new TypeError("far")') }, 'said'),
  )
  assert.deepEqual([JSON.parse(foreign).error.name, JSON.parse(foreign).error.message], ['TypeError', 'far'])
  assert.match(
    logged({ format: 'json' }, (log) => log.error({ error: Symbol('s') }, 'x')),
    /Symbol\(s\)/,
  )
})

test('a log that cannot be written fails nobody', () => {
  const log = createLog({ format: 'json', write: () => assert.fail('the pipe is gone') })
  log.error({ text: 'x'.repeat(100_000) }, 'long')
  log.flush()
})
