/** What commands of `postroad` do, over HTTP: tokens, the log, a look at everything, a live trace; and what attackers try there. */
import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { request } from 'node:http'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { definePlugin, type HostOperator } from '@postroad/plugin'
import { type Rig, start, TOKENS } from './server.ts'

/** Events of a stream, as they come. @param token of the rig by its name, or a secret */
function follow(context: TestContext, rig: Rig, url: string, token: string) {
  const known = Object.entries(TOKENS).find(([name]) => name === token)?.[1].secret
  const events: { readonly event: string; readonly data: any }[] = [] // what each is about is the test's to know
  let status = 0
  const sent = request(
    { host: '127.0.0.1', port: rig.port, path: url, headers: { authorization: `Bearer ${known ?? token}` } },
    (answer) => {
      status = answer.statusCode ?? 0
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        const blocks = text.split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) {
          const [, event = ''] = /^event: (.*)$/m.exec(block) ?? []
          const [, data] = /^data: (.*)$/m.exec(block) ?? []
          if (data !== undefined) events.push({ event, data: JSON.parse(data) })
        }
      })
    },
  )
  sent.on('error', () => undefined)
  sent.end()
  context.after(() => sent.destroy())
  return { events, status: () => status, end: () => sent.destroy() }
}

/** A token is shown before it is known, and after it is not any more, as often as a test likes. */
const LIMITS = { wrongTokens: 10_000 }

async function until(look: () => boolean | Promise<boolean>, what = 'it', everyMs = 20): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`${what} did not come`)
    await new Promise((wake) => setTimeout(wake, everyMs))
  }
}

test('a token is made, works at once, is kept as a hash for the server alone, and is worth nothing once revoked', async (context) => {
  const rig = await start(context, {}, LIMITS)
  const made = (
    await rig.ask('POST', '/v1/tokens', { token: 'admin', body: { name: 'ann', role: 'operate', expires: '90d' } })
  ).json()
  assert.match(made.secret, /^prt_[\w-]{43}$/)
  assert.deepEqual(made.token.roles, ['operate'])
  assert.ok(Math.abs(made.token.expires - Date.now() - 90 * 86_400_000) < 600_000)
  const file = path.join(rig.folder, 'tokens.json')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.ok(!(await readFile(file, 'utf8')).includes(made.secret.slice(4)))
  const listed = await rig.ask('GET', '/v1/tokens', { token: 'admin' })
  assert.deepEqual(listed.json().tokens, [made.token])
  const [{ sha256 }] = JSON.parse(await readFile(file, 'utf8'))
  assert.ok(!listed.text.includes(sha256))
  const headers = { authorization: `Bearer ${made.secret}` }
  // Listeners look at the file every second.
  await until(async () => (await rig.ask('GET', '/v1/status', { headers })).status === 200, 'the token')
  assert.deepEqual((await rig.ask('GET', '/v1/status', { headers })).json().caller, {
    name: 'ann',
    roles: ['read', 'operate'],
  })
  assert.equal((await rig.ask('POST', '/v1/tokens', { headers, body: { name: 'eve', role: 'admin' } })).status, 403)
  assert.equal((await rig.ask('GET', '/v1/tokens', { headers })).status, 403)
  assert.deepEqual((await rig.ask('DELETE', '/v1/tokens/ann', { token: 'admin' })).json().tokens, [])
  await until(async () => (await rig.ask('GET', '/v1/status', { headers })).status === 401, 'its end')
  const { items } = (await rig.ask('GET', '/v1/audit', { token: 'read' })).json()
  assert.deepEqual(
    items.map(({ action, target }: Record<string, string>) => [action, target]),
    [
      ['revoke a token', 'ann'],
      ['make a token', 'ann'],
    ],
  )
})

test('the status that a stream tells is that of who reads it, also where others may the same', async (context) => {
  const rig = await start(context, {}, LIMITS)
  const { secret } = (
    await rig.ask('POST', '/v1/tokens', { token: 'admin', body: { name: 'ann', role: 'read' } })
  ).json()
  await until(async () => {
    const headers = { authorization: `Bearer ${secret}` }
    return (await rig.ask('GET', '/v1/status', { headers })).status === 200
  }, 'the token')
  const [own, hers] = [follow(context, rig, '/v1/events', 'read'), follow(context, rig, '/v1/events', secret)]
  const names = () => [own, hers].map(({ events }) => events.find(({ event }) => event === 'status')?.data.caller.name)
  await until(() => names().every((name) => name !== undefined))
  assert.deepEqual(names(), ['read', 'ann'])
})

test('names of tokens cannot be anything, nor come twice, also of many at once', async (context) => {
  const rig = await start(context)
  const make = (body: unknown) => rig.ask('POST', '/v1/tokens', { token: 'admin', body })
  for (const body of [
    { name: 'a b', role: 'read' },
    { name: '../x', role: 'read' },
    { name: 'a', role: 'root' },
    { name: 'a', role: 'read', more: 1 },
    { name: 'a', role: 'read', expires: '1ms' },
    {},
  ])
    assert.equal((await make(body)).status, 400, JSON.stringify(body))
  const statuses = (
    await Promise.all(Array.from({ length: 8 }, (_, n) => make({ name: `t${n % 4}`, role: 'read' })))
  ).map(({ status }) => status)
  assert.deepEqual(statuses.toSorted(), [200, 200, 200, 200, 409, 409, 409, 409])
  assert.equal((await rig.ask('GET', '/v1/tokens', { token: 'admin' })).json().tokens.length, 4)
  assert.equal((await rig.ask('DELETE', '/v1/tokens/nobody', { token: 'admin' })).status, 404)
  // A foreign page can send a form, with the cookie of who looks at it.
  const form = { 'content-type': 'text/plain', origin: 'https://evil.example' }
  const login = await rig.ask('POST', '/v1/session', { token: 'admin', body: {} })
  const cookie = login.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  const raw = JSON.stringify({ name: 'evil', role: 'admin' })
  assert.equal((await rig.ask('POST', '/v1/tokens', { headers: { ...form, cookie }, raw })).status, 403)
  assert.equal(
    (await rig.ask('POST', '/v1/tokens', { headers: { cookie, 'content-type': 'text/plain' }, raw })).status,
    415,
  )
  assert.equal(
    (
      await rig.ask('POST', '/v1/tokens', {
        token: 'admin',
        headers: { 'content-type': 'application/json' },
        raw: Buffer.alloc(1_048_576, 0x20),
      })
    ).status,
    413,
  )
})

const chatty = definePlugin({
  name: 'chatty',
  hooks: {
    connect: ({ log }) => {
      log.info(
        { password: 'hunter2', url: 'redis://me:hunter2@127.0.0.1', note: 'prt_abcdefghijklmnop' },
        'AUTH PLAIN aHVudGVyMg==',
      )
      log.debug({}, 'not at this level')
      log.warn({ error: new Error('no such file'), big: 'x'.repeat(100_000) }, 'something is odd')
    },
  },
})

test('the last lines of the log are told, by level, plugin and words, without secrets, and followed as they come', async (context) => {
  const rig = await start(context, {}, {}, { more: (app) => void app.use(chatty()) })
  const stream = follow(context, rig, '/v1/events?only=log', 'operate')
  await until(() => stream.status() === 200)
  await rig.send('Hello')
  await until(() => stream.events.filter(({ data }) => data.plugin === 'chatty').length === 2)
  const look = async (query: string) => (await rig.ask('GET', `/v1/logs?${query}`, { token: 'operate' })).json()
  const { items } = await look('plugin=chatty')
  assert.deepEqual(
    items.map(({ level, text }: Record<string, string>) => [level, text]),
    [
      ['warn', 'something is odd'],
      ['info', 'AUTH PLAIN ***'],
    ],
  )
  assert.deepEqual(items[1].fields, { password: '***', url: 'redis://me:***@127.0.0.1', note: 'prt_***' })
  assert.equal(items[0].fields.cut > 100_000, true)
  assert.deepEqual((await look('plugin=chatty&level=warn')).items.length, 1)
  assert.deepEqual((await look('q=SOMETHING%20odd')).items.length, 1)
  const all = `${JSON.stringify(await look('limit=1000'))}${JSON.stringify(stream.events)}`
  assert.ok(!/hunter2|aHVudGVyMg/.test(all), all)
  // Page by page it is the same as at once.
  const paged: unknown[] = []
  for (let before = ''; ; ) {
    const page = await look(`limit=1${before}`)
    paged.push(...page.items)
    if (page.next === undefined) break
    before = `&before=${encodeURIComponent(page.next)}`
  }
  const atOnce = (await look('limit=1000')).items
  assert.deepEqual(paged.slice(-atOnce.length), atOnce)
  // Who may only read sees no log, by whichever way.
  assert.equal((await rig.ask('GET', '/v1/logs', { token: 'read' })).status, 403)
  const reader = follow(context, rig, '/v1/events?only=log,end', 'read')
  await until(() => reader.status() === 200)
  await rig.send('Hello')
  await until(() => reader.events.some(({ event }) => event === 'end'))
  assert.deepEqual(
    reader.events.filter(({ event }) => event === 'log'),
    [],
  )
})

test('of a log that never ends the last lines are kept, and what is gone is counted', async (context) => {
  let rounds = 0
  const loud = definePlugin({
    name: 'loud',
    hooks: {
      connect: ({ log }) => {
        for (let line = 0; line < 3_000; line++) log.info({ line: rounds * 3_000 + line }, 'again')
        rounds++
      },
    },
  })
  const rig = await start(context, {}, {}, { more: (app) => void app.use(loud()) })
  await rig.send('Hello')
  await rig.send('Hello')
  const { items, dropped } = (await rig.ask('GET', '/v1/logs?plugin=loud&limit=1000', { token: 'operate' })).json()
  assert.equal(items[0].fields.line, 5_999)
  assert.equal(items.length, 1_000)
  assert.ok(dropped >= 3_000, String(dropped))
})

test('one look at everything is made for all who ask, again only when it is old enough, and one that fails is no answer', async (context) => {
  let looks = 0
  const gates: (() => void)[] = []
  const operator: HostOperator = {
    diagnose: async () => {
      looks++
      await new Promise<void>((open) => void gates.push(open))
      if (looks === 1) throw new Error('DNS is not there')
      return [
        {
          check: 'mx',
          plugin: 'dkim',
          state: 'fault',
          subject: 'a.test',
          evidence: '<b>none</b>',
          rfc: 'RFC 5321 §5.1',
          fix: 'Publish one',
        },
      ]
    },
  }
  const rig = await start(context, {}, {}, { operator })
  const ask = (query = '') => rig.ask('GET', `/v1/doctor${query}`, { token: 'read' })
  const first = ask()
  await until(() => gates.length === 1)
  gates.pop()?.()
  assert.equal((await first).status, 500)
  const second = Array.from({ length: 20 }, () => ask('?fresh=1'))
  await until(() => gates.length === 1)
  gates.pop()?.()
  for (const { status } of await Promise.all(second)) assert.equal(status, 200)
  const { checks, at } = (await ask('?fresh=1')).json()
  assert.deepEqual([looks, checks.length, checks[0].id, checks[0].plugin], [2, 1, 'mx', 'dkim'])
  assert.ok(at <= Date.now())
})

test('a reload says of each worker how it went', async (context) => {
  const operator: HostOperator = {
    reload: async () => [
      { worker: 1, pid: 11, state: 'reloaded', mistakes: [] },
      { worker: 2, pid: 12, state: 'failed', mistakes: ['ERR_BIND: mx: it is taken'] },
      { worker: 3, pid: 13, state: 'silent', mistakes: [] },
    ],
  }
  const rig = await start(context, {}, {}, { operator })
  const answer = (await rig.ask('POST', '/v1/reload', { token: 'admin', body: {} })).json()
  assert.equal(answer.ok, false)
  assert.equal(answer.text, '1 of 3 workers have read it again, 1 stays with the old one, 1 has not answered')
  assert.deepEqual(answer.mistakes, ['ERR_BIND: mx: it is taken'])
  assert.deepEqual(
    answer.outcomes.map(({ worker, state }: Record<string, unknown>) => [worker, state]),
    [
      [1, 'reloaded'],
      [2, 'failed'],
      [3, 'silent'],
    ],
  )
  assert.equal((await rig.ask('POST', '/v1/reload', { token: 'operate', body: {} })).status, 403)
})

test('a trace tells both directions and hooks, what was asked for, and no secrets; who may only read gets none', async (context) => {
  const rig = await start(context)
  const all = follow(context, rig, '/v1/trace', 'operate')
  const one = follow(context, rig, `/v1/trace?to=${encodeURIComponent('*@elsewhere.test')}`, 'admin')
  await until(() => [all, one].every(({ events }) => events.some(({ event }) => event === 'joined')))
  assert.deepEqual(all.events[0]?.data, { processes: 1 })
  await rig.send('Hello')
  const said = () => all.events.filter(({ event }) => event === 'line').map(({ data }) => `${data.by} ${data.text}`)
  await until(() => said().some((line) => line.startsWith('note closed')))
  assert.ok(said().includes('C RCPT TO:<bob@a.test>'))
  assert.ok(
    said().some((line) => /^hook route: rules via smtp /.test(line)),
    said().join('\n'),
  )
  assert.ok(said().some((line) => /^C \(\d+ octets of a message\)$/.test(line)))
  assert.deepEqual(
    one.events.filter(({ event }) => event === 'line'),
    [],
  )
  assert.equal((await rig.ask('GET', '/v1/trace', { token: 'read' })).status, 403)
  assert.equal((await rig.ask('GET', '/v1/trace')).status, 401)
  assert.equal((await rig.ask('GET', '/v1/trace?ip=nonsense', { token: 'operate' })).status, 400)
  // So many at once, and no more; whoever goes makes room.
  const more = Array.from({ length: 6 }, () => follow(context, rig, '/v1/trace', 'operate'))
  await until(() => more.every(({ status }) => status() === 200))
  assert.equal((await rig.ask('GET', '/v1/trace', { token: 'operate' })).status, 503)
  one.end()
  const again = async (): Promise<boolean> => {
    const stream = follow(context, rig, '/v1/trace', 'operate')
    await until(() => stream.status() !== 0)
    return stream.status() === 200
  }
  await until(again)
})

test('what is tried is a message, of a bounded size, by who may read bodies; refusals of it are said', async (context) => {
  const seen: unknown[] = []
  const operator: HostOperator = {
    rehearse: async (octets, { signal: _signal, ...envelope }) => {
      seen.push([octets.length, envelope])
      if (envelope.from === '-x') throw new Error('--from -x is not an address')
      if (envelope.from === 'busy@a.test') throw new Error('2 messages are being tried already: ask again in a moment')
      return {
        steps: [{ command: 'RCPT TO:<b@a.test>', reply: '550 5.1.1 No' }],
        record: {
          event: 'session',
          id: 'x',
          time: new Date().toISOString(),
          remote: '192.0.2.1',
          refused: 1,
          accepted: 0,
        },
      }
    },
  }
  const rig = await start(context, {}, {}, { operator })
  const type = { 'content-type': 'message/rfc822' }
  const tryIt = (query: string, more: object = { headers: type, raw: 'Subject: x\r\n\r\n' }) =>
    rig.ask('POST', `/v1/try${query}`, { token: 'operate', ...more })
  const answer = await tryIt('?from=a@a.test&to=b@a.test&to=c@a.test&remote=192.0.2.9&helo=c.test&listener=mx')
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.json().reply, '550 5.1.1 No')
  assert.deepEqual(seen, [
    [14, { from: 'a@a.test', to: ['b@a.test', 'c@a.test'], remote: '192.0.2.9', helo: 'c.test', listener: 'mx' }],
  ])
  assert.equal((await tryIt('?from=-x')).status, 422)
  assert.equal((await tryIt('?from=busy@a.test')).status, 503)
  assert.equal((await tryIt('', { headers: { 'content-type': 'text/plain' }, raw: 'x' })).status, 415)
  assert.equal((await tryIt('', { headers: type, raw: '' })).status, 400)
  assert.equal((await tryIt('', { headers: { ...type, 'content-length': '60000000' }, raw: 'x' })).status, 413)
  assert.equal((await rig.ask('POST', '/v1/try', { token: 'read', headers: type, raw: 'x' })).status, 403)
  assert.equal(seen.length, 3)
})
