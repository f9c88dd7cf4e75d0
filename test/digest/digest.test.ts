/** The whole way of a digest: a message is held, its recipient is told, a link is followed, and the message is in a mailbox. */
import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask } from '../admin/server.ts'
import { linksOf, start } from './server.ts'

test('held, told, released by its link into the mailbox of that recipient alone', async (t) => {
  const it = await start(t)
  assert.match(await it.send('[spam] tickets', ['alice@example.com', 'bob@example.com']), /^250 /)
  assert.deepEqual(await it.mailbox('alice'), [])
  const { code, rows } = await it.run('digest', '--send', 'alice@example.com')
  assert.deepEqual([code, rows[0]?.['to'], rows[0]?.['messages']], [0, 'alice@example.com', 1], JSON.stringify(rows))
  const [digest = ''] = await it.mailbox('alice')
  assert.match(digest, /^Return-Path: <>\r\n/)
  assert.match(digest, /Subject: 1 message in quarantine/)
  assert.match(digest, /^DKIM-Signature: [\s\S]*?d=example\.com; s=s1/m, 'signed as the scope of the listener does')
  assert.deepEqual(await it.mailbox('bob'), [])
  const [link = ''] = linksOf(digest).release
  assert.match(link, /^https:\/\/mail\.example\.com\/q\/[\w.~-]+$/)

  const asked = await it.follow('GET', link)
  assert.equal(asked.status, 200)
  assert.match(asked.text, /Release this message\?/)
  assert.match(asked.text, /Ann &lt;script&gt;alert\(1\)&lt;\/script&gt;/)
  assert.equal((await it.mailbox('alice')).length, 1, 'a GET does nothing')

  const done = await it.follow('POST', link, 'confirm=yes')
  assert.deepEqual([done.status, /<h1>Released<\/h1>/.test(done.text)], [200, true])
  const [, released = ''] = await it.mailbox('alice')
  assert.match(released, /The body of \[spam\] tickets/)
  assert.doesNotMatch(released, /DKIM-Signature/, 'what strangers wrote is not signed')
  assert.deepEqual(await it.mailbox('bob'), [], 'the other one has not asked for it')
  assert.equal((await it.run('list')).rows[0]?.['to'], 'bob@example.com')

  for (const again of [await it.follow('POST', link, 'confirm=yes'), await it.follow('GET', link)])
    assert.deepEqual([again.status, /<h1>Released<\/h1>/.test(again.text)], [200, true])
  assert.equal((await it.mailbox('alice')).length, 2, 'once')
  const [deletion = ''] = linksOf(digest).delete
  const gone = await it.follow('GET', deletion)
  assert.deepEqual([gone.status, /not here any more/.test(gone.text)], [410, true])
})

test('without `submit` a digest goes out by the scope of the plugin, and is signed and queued there', async (t) => {
  const it = await start(t, { submit: undefined })
  await it.send('[spam] by itself', ['alice@example.com'])
  const { code, rows } = await it.run('digest', '--send', 'alice@example.com')
  assert.deepEqual([code, rows[0]?.['sent']], [0, true], JSON.stringify(rows))
  const [digest = ''] = await it.mailbox('alice')
  assert.match(digest, /^Return-Path: <>\r\n/)
  assert.match(digest, /Subject: 1 message in quarantine/)
  const [link = ''] = linksOf(digest).release
  assert.equal((await it.follow('POST', link, 'confirm=yes')).status, 200)
  assert.match((await it.mailbox('alice'))[1] ?? '', /The body of \[spam\] by itself/)
})

test('deleted by its link for one recipient: the other keeps it', async (t) => {
  const it = await start(t)
  await it.send('[spam] one', ['alice@example.com', 'bob@example.com'])
  await it.run('digest', '--send', 'bob@example.com')
  const [digest = ''] = await it.mailbox('bob')
  const [link = ''] = linksOf(digest).delete
  assert.match((await it.follow('GET', link)).text, /Delete this message\?/)
  assert.equal((await it.follow('POST', link, 'confirm=yes')).status, 200)
  assert.equal((await it.run('list')).rows[0]?.['to'], 'alice@example.com')
  assert.equal((await it.mailbox('bob')).length, 1)
})

test('programs that look at mail follow every link, ask for its head and preload it: nothing happens', async (t) => {
  const it = await start(t)
  await it.send('[spam] looked at', ['alice@example.com'])
  await it.run('digest', '--send', 'alice@example.com')
  const [digest = ''] = await it.mailbox('alice')
  const links = linksOf(digest)
  for (const link of [...links.release, ...links.delete]) {
    for (const headers of [{}, { 'sec-purpose': 'prefetch' }, { purpose: 'preview' }, { 'user-agent': 'SafeLinks' }])
      assert.equal((await it.follow('GET', link, undefined, headers)).status, 200)
    assert.equal((await it.follow('HEAD', link)).status, 200)
    // A form that was not pressed.
    assert.equal((await it.follow('POST', link, '')).status, 200)
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      assert.equal((await it.follow(method, link)).status, 405)
  }
  assert.equal((await it.run('list')).rows.length, 1)
  assert.equal((await it.mailbox('alice')).length, 1)
})

test('a link that was changed, invented or is too old tells nothing', async (t) => {
  const it = await start(t, { life: '1 h' })
  await it.send('[spam] secret subject', ['alice@example.com', 'bob@example.com'])
  await it.run('digest', '--send', 'alice@example.com')
  const [digest = ''] = await it.mailbox('alice')
  const [link = ''] = linksOf(digest).release
  const [name = '', letter = '', seconds = '', tag = '', id = '', mark = ''] = (link.split('/q/')[1] ?? '').split('~')
  const forged = [
    [name, 'd', seconds, tag, id, mark],
    [name, letter, (Number.parseInt(seconds, 36) + 1).toString(36), tag, id, mark],
    [name, letter, seconds, tag.toUpperCase(), id, mark],
    [name, letter, seconds, tag, `${id}0`, mark],
    ['nobody', letter, seconds, tag, id, mark],
    [name, letter, seconds, tag, id, 'A'.repeat(43)],
    [name, letter, '1', tag, 'q-unknown', mark],
  ].map((parts) => `/q/${parts.join('~')}`)
  const bodies = new Set<string>()
  for (const path of [...forged, '/q/x', '/q/..%2f..%2fetc', `/q/${'x'.repeat(4_000)}`])
    for (const [method, body] of [['GET'], ['POST', 'confirm=yes']] as const) {
      const answer = await it.follow(method, path, body)
      assert.equal(answer.status, 404, path)
      bodies.add(answer.text)
    }
  assert.equal(bodies.size, 1, 'the same words, whatever is wrong')
  assert.ok(![...bodies].some((text) => text.includes('secret subject')))
  assert.equal((await it.run('list')).rows[0]?.['to'], 'alice@example.com bob@example.com')
  let status = 404
  for (let n = 0; n < 60 && status === 404; n++) status = (await it.follow('GET', '/q/guess')).status
  assert.equal(status, 429, 'who guesses waits')
  assert.equal((await it.follow('GET', link)).status, 200, 'and a right link is not among the guesses')
})

test('what a page may do: nothing but send its one form; nobody keeps, frames or finds it', async (t) => {
  const it = await start(t)
  await it.send('[spam] <img src=x onerror=alert(1)>\u202e', ['alice@example.com'])
  await it.run('digest', '--send', 'alice@example.com')
  const [digest = ''] = await it.mailbox('alice')
  const [link = ''] = linksOf(digest).release
  for (const answer of [await it.follow('GET', link), await it.follow('GET', '/q/none')]) {
    const { headers, text } = answer
    assert.match(
      String(headers['content-security-policy']),
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
    )
    assert.deepEqual(
      [
        headers['referrer-policy'],
        headers['x-robots-tag'],
        headers['cache-control'],
        headers['x-content-type-options'],
      ],
      ['no-referrer', 'noindex, nofollow', 'no-store', 'nosniff'],
    )
    assert.equal(headers['set-cookie'], undefined)
    assert.doesNotMatch(text, /<img|<script|<link|<[^>]*\bsrc=|\u202e/)
  }
})

test('the listener of links serves nothing else, and no other serves them', async (t) => {
  const it = await start(t)
  await it.send('[spam] x', ['alice@example.com'])
  await it.run('digest', '--send', 'alice@example.com')
  const [digest = ''] = await it.mailbox('alice')
  const [link = ''] = linksOf(digest).release
  const auth = { authorization: `Bearer ${it.token}` }
  const paths = ['/', '/q', '/q/', '/healthz', '/readyz', '/metrics', '/openapi.json', '/console.js', '/v1/status', '/v1/session', '/v1/quarantine', '/v1/events'] // biome-ignore format: short
  for (const path of paths)
    for (const method of ['GET', 'POST', 'DELETE'])
      assert.equal((await it.follow(method, path, undefined, auth)).status, 404, `${method} ${path}`)
  assert.equal((await it.follow('GET', '/q/x', undefined, { host: 'evil.test' })).status, 421)
  const web = { host: '127.0.0.1', port: it.ports.web }
  assert.equal((await ask(web, 'GET', '/v1/status', { headers: auth })).status, 200)
  for (const method of ['GET', 'POST'])
    assert.equal((await ask(web, method, new URL(link).pathname, { headers: auth })).status, 404, method)
})

test('keys are for nobody else to read, and links outlive a new one', async (t) => {
  const it = await start(t)
  await it.send('[spam] x', ['alice@example.com'])
  await it.run('digest', '--send', 'alice@example.com')
  assert.equal((await stat(join(it.folder, 'quarantine/digest.keys'))).mode & 0o777, 0o600)
  const { code, rows } = await it.run('digest', '--new-key')
  assert.deepEqual([code, /^[0-9a-f]{8}$/.test(String(rows[0]?.['key']))], [0, true])
  const [digest = ''] = await it.mailbox('alice')
  const [link = ''] = linksOf(digest).release
  assert.equal((await it.follow('GET', link)).status, 200)
})

test('a preview is the digest without links that work; command and API are one', async (t) => {
  const it = await start(t)
  await it.send('[spam] seen', ['alice@example.com'])
  const { code, rows } = await it.run('digest', '--preview', 'alice@example.com')
  assert.equal(code, 0)
  assert.match(String(rows[0]?.['text']), /1\. \[spam\] seen/)
  assert.equal((await it.run('digest', '--preview', 'eve@elsewhere.test')).code, 66)
  assert.equal((await it.run('digest', '--preview')).code, 64)
  assert.equal((await it.run('digest', '--preview', '--send', 'alice@example.com')).code, 64)
  const web = { host: '127.0.0.1', port: it.ports.web }
  const call = (body: object) =>
    ask(web, 'POST', '/v1/quarantine/digest', { body, headers: { authorization: `Bearer ${it.token}` } })
  const shown = (await call({ to: 'alice@example.com', dryRun: true })).json()
  assert.deepEqual([shown.text, shown.html], [rows[0]?.['text'], rows[0]?.['html']])
  assert.equal((await call({ to: 'eve@elsewhere.test', dryRun: true })).status, 404)
  assert.deepEqual(await it.mailbox('alice'), [])
  assert.equal((await call({ to: 'alice@example.com' })).json().sent, true)
  assert.equal((await it.mailbox('alice')).length, 1)
})

test('a digest that is quarantined itself is kept, and no digest tells of it', async (t) => {
  const it = await start(t)
  await it.send('[spam] x', ['alice@example.com'])
  await it.run('digest', '--send', 'alice@example.com')
  const [digest = ''] = await it.mailbox('alice')
  const field = (name: string): string => new RegExp(`^${name}: .*`, 'm').exec(digest)?.[0] ?? ''
  const more = `${field('Message-ID')}\r\n${field('X-Postroad-Digest')}\r\n`
  await it.send('[spam] a digest', ['alice@example.com'], more)
  // The same fields in mail for somebody else are worth nothing.
  await it.send('[spam] for bob', ['bob@example.com'], more)
  assert.equal((await it.run('list')).rows.length, 3)
  const told = async (to: string) => (await it.run('digest', '--preview', to, '--all')).rows[0]?.['messages']
  assert.deepEqual([await told('alice@example.com'), await told('bob@example.com')], [1, 1])
})

test('a listener of links wants no token, and who says all that is needed hears no warning of it', async (t) => {
  const it = await start(t)
  const warnings = it.server.explain().flatMap((scope) => scope.warnings)
  assert.deepEqual(
    warnings.filter((text) => /links|digest|quarantine/.test(text)),
    [],
  )
})

test('explain says where links lead and when digests go out, and warns of an address that is not https', async (t) => {
  const it = await start(t, { url: 'http://mail.example.com', at: ['07:00', '13:00'], days: ['mon'] })
  const scopes = it.server.explain()
  const notes = scopes.flatMap((scope) => scope.notes)
  const warnings = scopes.flatMap((scope) => scope.warnings)
  assert.ok(
    notes.some((text) => text.includes('at 07:00, 13:00 (UTC), on mon')),
    JSON.stringify(notes),
  )
  assert.ok(
    warnings.some((text) => text.includes('digest.url is http://mail.example.com')),
    JSON.stringify(warnings),
  )
  const links = scopes.flatMap(({ listeners }) => listeners).find(({ name }) => name === 'links')
  assert.deepEqual(
    links?.routes?.map(({ method, path }) => `${method} ${path}`),
    ['GET /q/:link', 'POST /q/:link'],
  )
})
