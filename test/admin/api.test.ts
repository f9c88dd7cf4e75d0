/** The admin interface over a real socket: every call answers what its schema says, and roles hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openApi } from '@postroad/admin'
import { calls } from '@postroad/admin-api/zod'
import type { App } from '@postroad/core'
import { definePlugin, desk, type HostOperator, LearningDesk } from '@postroad/plugin'
import { type Rig, start } from './server.ts'

/** The queue has what was sent: answers say so when it is stored, which the reply has waited for. */
async function filled(rig: Rig): Promise<{ readonly queued: string; readonly kept: string }> {
  assert.match(await rig.send('Hello'), /^250 /)
  assert.match(
    await rig.send('Spam', 'Content-Type: text/html\r\n\r\n<p>Hi <a href="http://evil.example/x">bank.example</a></p>'),
    /^250 /,
  )
  const queued = (await rig.ask('GET', '/v1/queue/messages', { token: 'read' })).json().items[0].id
  const kept = (await rig.ask('GET', '/v1/quarantine', { token: 'read' })).json().items[0].id
  return { queued, kept }
}

/** Filters that can be taught, and who has started the server: what some calls need. */
const APPRENTICE = definePlugin({
  name: 'apprentice',
  setup: () => ({ desks: [desk(LearningDesk, { learn: async () => 'learned' })] }),
})
const OPERATOR: HostOperator = {
  reload: async () => [{ worker: 1, pid: 1, state: 'reloaded', mistakes: [] }],
  diagnose: async () => [{ check: 'mx', state: 'fault', subject: 'a.test', evidence: 'none', fix: 'Publish one' }],
  rehearse: async () => ({
    steps: [{ command: '.', reply: '250 2.0.0 OK' }],
    record: {
      event: 'transaction',
      id: 'x.1',
      time: new Date().toISOString(),
      from: '',
      to: [],
      reply: '250 2.0.0 OK',
    },
  }),
}
const EVERYTHING = { operator: OPERATOR, more: (app: App) => void app.use(APPRENTICE()) }

test('every call of the table has somebody who answers it', async (context) => {
  const rig = await start(context, {}, {}, EVERYTHING)
  const { can } = (await rig.ask('GET', '/v1/status', { token: 'admin' })).json()
  assert.deepEqual(can.toSorted(), Object.keys(calls).toSorted())
})

test('every call answers what its schema says', async (context) => {
  const rig = await start(context, {}, {}, EVERYTHING)
  const { queued, kept } = await filled(rig)
  const suspension = { target: 'smtp:127.0.0.1:9', reason: 'test' }
  await rig.ask('POST', '/v1/suspensions', { token: 'operate', body: suspension })
  const { can } = (await rig.ask('GET', '/v1/status', { token: 'admin' })).json()
  const done = new Set<string>()
  const check = async (name: keyof typeof calls, url: string, body?: unknown): Promise<unknown> => {
    const call = calls[name]
    const answer = await rig.ask(call.method, url, { token: 'admin', ...(body !== undefined && { body }) })
    assert.equal(answer.status, 200, `${name}: ${answer.text}`)
    done.add(name)
    if ('type' in call) return answer.text
    const parsed = call.answer.safeParse(answer.json())
    assert.ok(parsed.success, `${name}: ${parsed.error?.message}`)
    return answer.json()
  }
  for (const name of [
    'status',
    'explain',
    'listeners',
    'config',
    'doctor',
    'audit',
    'sites',
    'messages',
    'suspensions',
    'jobs',
    'quarantine',
    'session',
    'logs',
    'tokens',
  ] as const)
    await check(name, calls[name].path)
  await check('message', `/v1/queue/messages/${queued}`)
  assert.match(String(await check('body', `/v1/queue/messages/${queued}/raw`)), /^Subject: Hello\r$/m)
  const transactions = (await check('transactions', '/v1/transactions?q=ann@example.test&full=1')) as {
    items: { id: string; subject: string }[]
  }
  assert.deepEqual(
    transactions.items.map(({ subject }) => subject),
    ['Spam', 'Hello'],
  )
  const { id = '' } = transactions.items[0] ?? {}
  await check('transaction', `/v1/transactions/${id}`)
  await check('story', `/v1/stories/${id}`)
  await check('series', '/v1/series?names=accepted,refused&span=1h')
  await check('summary', '/v1/summary?span=1h')
  const { plugins } = (await check('plugins', '/v1/plugins?span=1h')) as {
    plugins: { name: string; hooks: string[] }[]
  }
  assert.deepEqual(plugins.find(({ name }) => name === 'rules')?.hooks, ['route', 'message'])
  await check('shadow', '/v1/plugins/rules/shadow')
  await check('suspend', '/v1/suspensions', { target: 'b.test' })
  await check('resume', '/v1/suspensions/b.test')
  const preview = (await check('queueAction', '/v1/queue/actions', {
    action: 'hold',
    filter: { all: true },
    dryRun: true,
  })) as { token: string; messages: number }
  assert.equal(preview.messages, 1)
  const { job } = (await check('queueAction', '/v1/queue/actions', {
    action: 'hold',
    filter: { all: true },
    token: preview.token,
  })) as { job: { id: string; state: string; changed: number } }
  assert.deepEqual([job.state, job.changed], ['done', 1])
  await check('job', `/v1/jobs/${job.id}`)
  await check('stopJob', `/v1/jobs/${job.id}/stop`, {})
  const text = (await check('quarantineText', `/v1/quarantine/${kept}/text`)) as { body: { kind: string }[] }
  assert.ok(
    text.body.some(
      (one) =>
        JSON.stringify(one) ===
        JSON.stringify({ kind: 'link', shown: 'bank.example', target: 'http://evil.example/x', deceives: true }),
    ),
  )
  assert.match(
    String(await check('quarantineHtml', `/v1/quarantine/${kept}/html`)),
    /<a title="http:\/\/evil\.example\/x">/,
  )
  assert.match(String(await check('quarantineRaw', `/v1/quarantine/${kept}/raw`)), /^Subject: Spam\r$/m)
  const released = (await check('release', `/v1/quarantine/${kept}/release`, {})) as {
    outcomes: { released: boolean }[]
  }
  assert.equal(released.outcomes[0]?.released, false)
  await check('digest', '/v1/quarantine/digest', { to: 'bob@a.test', dryRun: true })
  await check('quarantineAction', '/v1/quarantine/actions', { action: 'delete', filter: { q: 'ann@' }, dryRun: true })
  await check('learn', `/v1/quarantine/${kept}/learn`, { as: 'spam' })
  await check('deleteKept', `/v1/quarantine/${kept}/delete`, {})
  await check('login', '/v1/session', {})
  await check('logout', '/v1/session')
  await check('reload', '/v1/reload', {})
  await check('newToken', '/v1/tokens', { name: 'ann', role: 'read' })
  await check('revokeToken', '/v1/tokens/ann')
  const tried = await rig.ask('POST', '/v1/try', {
    token: 'operate',
    headers: { 'content-type': 'message/rfc822' },
    raw: 'Subject: x\r\n\r\n',
  })
  assert.ok(calls.try.answer.safeParse(tried.json()).success, tried.text)
  // What is said to be there was asked for; streams have tests of their own.
  assert.deepEqual(can.filter((name: string) => !done.has(name)).toSorted(), ['events', 'trace', 'try'])
})

test('the description has every call that is answered, with its role, and is what the server says at /openapi.json', async (context) => {
  const rig = await start(context)
  const said = (await rig.ask('GET', '/openapi.json')).json()
  const { can } = (await rig.ask('GET', '/v1/status', { token: 'admin' })).json()
  const operations = Object.values(said.paths).flatMap((item) => Object.values(item as object)) as {
    operationId: string
    'x-role': string
  }[]
  assert.deepEqual(operations.map(({ operationId }) => operationId).toSorted(), can.toSorted())
  const all = openApi('0.0.0') as { paths: Record<string, object> }
  assert.equal(Object.values(all.paths).flatMap((item) => Object.keys(item)).length, Object.keys(calls).length)
  assert.equal(said.openapi, '3.1.0')
})

test('what a role may not do is refused, route by route, and is not in `can`', async (context) => {
  const rig = await start(context)
  const ranks = { public: 0, read: 1, operate: 2, admin: 3 }
  const { can: all } = (await rig.ask('GET', '/v1/status', { token: 'admin' })).json()
  for (const token of ['read', 'operate'] as const) {
    const { can } = (await rig.ask('GET', '/v1/status', { token })).json()
    for (const name of all as (keyof typeof calls)[]) {
      const call = calls[name]
      const isAllowed = ranks[call.access] <= ranks[token]
      assert.equal(can.includes(name), isAllowed, `${token} ${name}`)
      if (isAllowed) continue
      const answer = await rig.ask(call.method, call.path.replaceAll(/:\w+/g, 'x'), {
        token,
        ...(call.method === 'POST' && { body: {} }),
      })
      assert.equal(answer.status, 403, `${token} ${name}`)
    }
  }
  const nobody = await rig.ask('GET', '/v1/status')
  assert.equal(nobody.status, 401)
  assert.match(nobody.headers['content-type'] ?? '', /problem\+json/)
})

test('without who has started it, or a filter that learns, their calls are not there', async (context) => {
  const rig = await start(context)
  const { can } = (await rig.ask('GET', '/v1/status', { token: 'admin' })).json()
  const lacking = Object.keys(calls).filter((name) => !can.includes(name))
  assert.deepEqual(lacking.toSorted(), ['learn', 'reload', 'try'])
  assert.equal((await rig.ask('POST', '/v1/reload', { token: 'admin', body: {} })).status, 501)
  const doctor = (await rig.ask('GET', '/v1/doctor', { token: 'read' })).json()
  assert.ok(doctor.checks.every(({ id }: { id: string }) => id === 'configuration'))
})

test('an action on more than one message needs the token of its own preview, and is done once', async (context) => {
  const rig = await start(context)
  await filled(rig)
  const act = (body: object, token: 'operate' | 'admin' = 'operate') =>
    rig.ask('POST', '/v1/queue/actions', { token, body })
  const filter = { domain: 'a.test' }
  assert.equal((await act({ action: 'delete', filter })).status, 409)
  assert.equal((await act({ action: 'delete', filter: {} })).status, 400)
  assert.equal((await act({ action: 'delete', filter: { surname: 'x' } })).status, 400)
  const preview = (await act({ action: 'delete', filter, dryRun: true })).json()
  assert.deepEqual([preview.messages, preview.confirm], [1, false])
  const { token } = preview
  assert.equal((await act({ action: 'bounce', filter, token })).status, 409, 'another action')
  assert.equal((await act({ action: 'delete', filter: { all: true }, token })).status, 409, 'other messages')
  assert.equal((await act({ action: 'delete', filter, token }, 'admin')).status, 409, 'another caller')
  assert.equal((await act({ action: 'delete', filter, token: `${token}x` })).status, 409)
  assert.equal(
    (await rig.ask('GET', '/v1/queue/messages', { token: 'read' })).json().items.length,
    1,
    'nothing was done yet',
  )
  const first = (await act({ action: 'delete', filter, token })).json()
  const again = (await act({ action: 'delete', filter, token })).json()
  assert.equal(again.job.id, first.job.id)
  assert.equal((await rig.ask('GET', '/v1/queue/messages', { token: 'read' })).json().items.length, 0)
  const { items } = (await rig.ask('GET', '/v1/audit', { token: 'read' })).json()
  assert.deepEqual(
    items.map(({ action, caller, target, count }: Record<string, unknown>) => [action, caller, target, count]),
    [['delete', 'operate', 'domain a.test', 1]],
  )
})

test('a browser exchanges a token, or the ticket of a link, for a cookie that is worth nothing after logging out', async (context) => {
  const rig = await start(context)
  const login = await rig.ask('POST', '/v1/session', { token: 'operate', body: {} })
  const [set = ''] = login.headers['set-cookie'] ?? []
  assert.match(set, /^postroad=[\w.-]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/)
  const cookie = set.split(';')[0] ?? ''
  const status = await rig.ask('GET', '/v1/status', { headers: { cookie } })
  assert.deepEqual(status.json().caller, { name: 'operate', roles: ['read', 'operate'] })
  const changed = `${cookie.slice(0, -2)}${cookie.endsWith('AA') ? 'BB' : 'AA'}`
  assert.equal((await rig.ask('GET', '/v1/status', { headers: { cookie: changed } })).status, 401)
  assert.equal((await rig.ask('DELETE', '/v1/session', { headers: { cookie } })).status, 200)
  assert.equal((await rig.ask('GET', '/v1/status', { headers: { cookie } })).status, 401)

  const lines: string[] = []
  const io = {
    json: false,
    signal: AbortSignal.timeout(10_000),
    row() {},
    print: (line: string) => void lines.push(line),
  }
  await rig.server.commands.get('admin')?.['open']?.run([], io)
  const [, ticket = ''] = /#ticket=(.+)$/.exec(lines[0] ?? '') ?? []
  const once = await Promise.all([0, 1].map(() => rig.ask('POST', '/v1/session', { body: { ticket } })))
  assert.deepEqual(once.map(({ status }) => status).toSorted(), [200, 401])
  const own = once.find(({ status }) => status === 200)
  assert.deepEqual(own?.json().roles, ['read', 'operate', 'admin', 'send'])
  assert.equal((await rig.ask('POST', '/v1/session', { body: { ticket: 'x'.repeat(43) } })).status, 401)
})

test('healthz and readyz answer everybody and say nothing more; secrets of the configuration are not in any answer', async (context) => {
  const rig = await start(context)
  assert.deepEqual(
    [(await rig.ask('GET', '/healthz')).text, (await rig.ask('GET', '/readyz')).text],
    ['ok\n', 'ready\n'],
  )
  const config = await rig.ask('GET', '/v1/config', { token: 'read' })
  for (const { sha256 } of Object.values(await import('./server.ts').then(({ TOKENS }) => TOKENS)))
    assert.ok(!config.text.includes(sha256))
  const { values } = config.json()
  assert.ok(
    values.some(({ path, value }: { path: string; value: unknown }) => path === 'hostname' && value === 'mx.test'),
  )
})
