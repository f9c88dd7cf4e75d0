/** What attackers try on the admin interface, each over a real socket. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Answered, type Rig, start, TOKENS } from './server.ts'

/** The cookie of a browser that has logged in. */
async function loggedIn(rig: Rig): Promise<string> {
  const login = await rig.ask('POST', '/v1/session', { token: 'admin', body: {} })
  return (login.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? ''
}

const HOLD = { action: 'hold', filter: { all: true }, dryRun: true }

test('CSRF: a page of another site can use neither the cookie nor the address, and no form can say that it is JSON', async (context) => {
  const rig = await start(context)
  const cookie = await loggedIn(rig)
  const act = (headers: Record<string, string>, raw = JSON.stringify(HOLD)) =>
    rig.ask('POST', '/v1/queue/actions', { headers: { cookie, ...headers }, raw })
  const json = { 'content-type': 'application/json' }
  const own = { origin: `http://127.0.0.1:${rig.port}`, 'sec-fetch-site': 'same-origin' }
  assert.equal((await act({ ...json, ...own })).status, 200)
  const refused: Record<string, string>[] = [
    { ...json, origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' },
    { ...json, origin: 'https://evil.test' },
    { ...json, 'sec-fetch-site': 'cross-site' },
    { ...json, 'sec-fetch-site': 'same-site' },
    { ...json, origin: 'null' },
    // Another program of this machine is another origin, though it is the same site.
    { ...json, origin: `http://127.0.0.1:${rig.port + 1}`, 'sec-fetch-site': 'same-site' },
  ]
  for (const headers of refused) assert.equal((await act(headers)).status, 403, JSON.stringify(headers))
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain; application/json',
  ])
    assert.equal((await act({ ...own, 'content-type': type })).status, 415, type)
  const login = await rig.ask('POST', '/v1/session', {
    body: { ticket: 'x' },
    headers: { origin: 'https://evil.test' },
  })
  assert.equal(login.status, 403, 'nobody is logged in by another site')
  for (const answer of [await act({ ...json, ...own }), await rig.ask('GET', '/v1/status', { headers: { cookie } })])
    assert.equal(answer.headers['access-control-allow-origin'], undefined)
})

test('DNS rebinding: under another name nobody is answered, whatever is shown', async (context) => {
  const rig = await start(context)
  for (const host of ['evil.test', `evil.test:${rig.port}`, '127.0.0.1.evil.test', 'localhost.evil.test', '0.0.0.0'])
    for (const path of ['/v1/status', '/healthz', '/', '/openapi.json'])
      assert.equal((await rig.ask('GET', path, { token: 'admin', headers: { host } })).status, 421, `${host}${path}`)
})

test('path traversal: an id is looked up, never opened', async (context) => {
  const rig = await start(context)
  await rig.send('Spam')
  const bad = [
    '../../../../etc/passwd',
    '..%2f..%2f..%2fetc%2fpasswd',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    'q-..%2f..%2fadmin%2fseal.key',
    'q-%00',
    '....//',
    '%252e%252e%252f',
    'q-x%5c..%5c..',
  ]
  for (const id of bad)
    for (const path of [
      `/v1/quarantine/${id}/raw`,
      `/v1/quarantine/${id}/text`,
      `/v1/queue/messages/${id}`,
      `/v1/queue/messages/${id}/raw`,
      `/v1/transactions/${id}`,
      `/v1/stories/${id}`,
      `/v1/plugins/${id}/shadow`,
      `/${id}`,
    ]) {
      const answer = await rig.ask('GET', path, { token: 'admin' })
      assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status} ${answer.text.slice(0, 200)}`)
      assert.doesNotMatch(answer.text, /root:/)
    }
})

test('guessing tokens: after ten wrong ones an address has to wait, and links are no way around', async (context) => {
  const rig = await start(context)
  const guess = () => rig.ask('GET', '/v1/status', { headers: { authorization: `Bearer prt_${'A'.repeat(43)}` } })
  for (let tries = 0; tries < 10; tries++) assert.equal((await guess()).status, 401)
  const stopped = await guess()
  assert.equal(stopped.status, 429)
  assert.ok(Number(stopped.headers['retry-after']) > 0)
  let last: Answered | undefined
  for (let tries = 0; tries < 12; tries++)
    last = await rig.ask('POST', '/v1/session', { body: { ticket: `guess-${tries}` } })
  assert.equal(last?.status, 429)
  const one = await rig.ask('GET', '/v1/status')
  assert.equal(one.status, 401)
})

test('cookies: what was not sealed here, for this purpose, is nobody', async (context) => {
  const rig = await start(context)
  await rig.send('Hello')
  const cookie = await loggedIn(rig)
  const [, value = ''] = cookie.split('=')
  const [payload = '', seal = ''] = value.split('.')
  const forged = Buffer.from(JSON.stringify({ id: 'x', name: 'eve', roles: ['admin'], expires: 9e15 })).toString(
    'base64url',
  )
  const { token } = (await rig.ask('POST', '/v1/queue/actions', { token: 'admin', body: HOLD })).json()
  for (const bad of [
    `${forged}.${seal}`,
    `${payload}.`,
    payload,
    '',
    '.',
    `${payload}.${seal}.x`,
    `${payload}.${'A'.repeat(seal.length)}`,
    token,
    'x'.repeat(12_000),
  ])
    assert.equal(
      (await rig.ask('GET', '/v1/status', { headers: { cookie: `postroad=${bad}` } })).status,
      401,
      bad.slice(0, 60),
    )
  assert.equal(
    (await rig.ask('POST', '/v1/queue/actions', { token: 'admin', body: { ...HOLD, dryRun: false, token: value } }))
      .status,
    409,
  )
})

test('a body of 1 GB is refused before it is read, said or not', { timeout: 60_000 }, async (context) => {
  const rig = await start(context)
  const before = process.memoryUsage().rss
  const answer = await sent(context, rig, [
    'POST /v1/queue/actions HTTP/1.1\r\nHost: localhost\r\n',
    `Authorization: Bearer ${TOKENS.admin.secret}\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n`,
  ])
  assert.match(answer, /^HTTP\/1\.1 413 /)
  const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`
  const streamed = await sent(
    context,
    rig,
    [
      'POST /v1/queue/actions HTTP/1.1\r\nHost: localhost\r\n',
      `Authorization: Bearer ${TOKENS.admin.secret}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ],
    chunk,
  )
  assert.match(streamed, /^HTTP\/1\.1 413 |^closed$/)
  assert.ok(process.memoryUsage().rss - before < 200 * 1_048_576, 'nothing of it was kept')
})

test('hostile text of mails stays text: nothing in it is markup, a link, or invisible', async (context) => {
  const rig = await start(context)
  const html = [
    '<script>alert(1)</script><img src="http://evil.test/p.gif" onerror="alert(2)"><p onclick="alert(3)">Pay \u202egnp.exe</p>',
    '<a href="javascript:alert(4)">click</a><a href="http://evil.test/">https://bank.example/</a>',
    '<iframe src="http://evil.test"></iframe><form action="http://evil.test"><input name=p></form><style>body{background:url(http://evil.test)}</style>',
    '<svg onload="alert(5)"><base href="http://evil.test/"><meta http-equiv="refresh" content="0;url=http://evil.test"><table background="http://evil.test/b"><tr><td>cell</td></tr></table>',
    '<a title=\'"><script>alert(6)</script>\' href="x">t</a>',
  ].join('\r\n')
  await rig.send('Spam <script>alert(0)</script>', `Content-Type: text/html; charset=utf-8\r\n\r\n${html}`)
  const [{ id }] = (await rig.ask('GET', '/v1/quarantine', { token: 'read' })).json().items
  const page = await rig.ask('GET', `/v1/quarantine/${id}/html`, { token: 'operate' })
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'.*sandbox/)
  assert.doesNotMatch(
    page.text,
    /<script|<img|<iframe|<form|<input|<svg|<base|<meta http|onerror|onclick|onload|href=|src=|background=|url\(/i,
  )
  assert.match(page.text, /cell/)
  const text = await rig.ask('GET', `/v1/quarantine/${id}/text`, { token: 'operate' })
  assert.match(text.headers['content-type'] ?? '', /^application\/json/)
  assert.equal(text.headers['x-content-type-options'], 'nosniff')
  const { body, omitted } = text.json()
  assert.ok(
    body.some((one: { kind: string; codepoint?: number }) => one.kind === 'invisible' && one.codepoint === 0x202e),
  )
  assert.ok(
    body.some(
      (one: { kind: string; deceives?: boolean; target?: string }) =>
        one.kind === 'link' && one.deceives && one.target === 'http://evil.test/',
    ),
  )
  assert.ok(omitted.scripts >= 1 && omitted.images >= 2 && omitted.frames >= 1 && omitted.forms >= 2)
  assert.ok(
    body.every((one: { kind: string; text?: string }) => one.kind !== 'text' || !/alert\(/.test(one.text ?? '')),
  )
  const raw = await rig.ask('GET', `/v1/quarantine/${id}/raw`, { token: 'operate' })
  assert.match(raw.headers['content-disposition'] ?? '', /^attachment; filename="[\w.-]+"$/)
})

test('HTML that is made to cost is read in time that grows with its length', async () => {
  const { caged, readHtml } = await import('../../plugins/admin/src/cage.ts')
  const nothing = { text() {}, line() {}, openLink() {}, closeLink() {}, omitted() {} }
  for (const piece of [
    '<div>',
    '<a href=x>',
    '</b>',
    '<b><i>',
    '<!--',
    '<a ',
    '<x y=',
    '&amp',
    '<![CDATA[',
    '<script>',
  ]) {
    const began = performance.now()
    const html = piece.repeat(Math.floor(1_500_000 / piece.length))
    caged(html)
    readHtml(html, nothing)
    assert.ok(performance.now() - began < 6_000, `${piece}: ${performance.now() - began} ms`)
  }
})

/** Writes, and after that `more` again and again, until there is an answer. */
function sent(context: TestContext, rig: Rig, parts: readonly string[], more?: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: rig.port })
    context.after(() => void socket.destroy())
    let written = 0
    const push = (): void => {
      if (more === undefined || socket.destroyed || written >= 1_024) return
      written++
      socket.write(more, () => setImmediate(push))
    }
    socket.on('error', () => {})
    socket.once('data', (data) => resolve(data.toString('latin1')))
    // Who goes on sending to a socket that is closed is told so by a reset, which may be there before the answer is read.
    socket.once('close', () => resolve('closed'))
    socket.write(parts.join(''))
    push()
  })
}
