/** What keeps mail in: names that somebody has pointed here, pages of other sites, hostile mail, and addresses that other machines reach. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { type Stage, stage } from './stage.ts'

let it: Stage
before(async () => {
  it = await stage({ names: ['mail.internal'] })
})
after(() => it[Symbol.asyncDispose]())

/** With fields that `fetch` does not let one choose. */
function ask(path: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(it.url)
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    asked.on('error', reject).end()
  })
}

test('a name that somebody has pointed here is answered 421; names of this machine, and those that were named, are not', async () => {
  for (const path of ['/', '/api/v1/messages', '/view/latest', '/api/v1/events'])
    assert.equal(await ask(path, { host: 'rebound.attacker.example' }), 421, path)
  const { port } = new URL(it.url)
  for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, '[::1]', 'mail.internal', 'MAIL.internal:80'])
    assert.equal(await ask('/api/v1/messages', { host }), 200, host)
})

test('a page of another site may neither read nor do anything; a program and our own page may', async () => {
  await it.send({ subject: 'stays' })
  const { host, origin } = new URL(it.url)
  const foreign: readonly Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://attacker.example' },
    { origin: 'null' },
    { origin: `https://${host}.attacker.example` },
  ]
  for (const headers of foreign)
    for (const [method, path] of [
      ['DELETE', '/api/v1/messages'],
      ['DELETE', '/api/v1/search?query=stays'],
      ['PUT', '/api/v1/messages'],
      ['POST', '/api/v1/send'],
      ['GET', '/api/v1/messages'],
      ['GET', '/api/v1/message/latest/raw'],
      ['GET', '/api/v1/events'],
      ['GET', '/api/v1/wait'],
      ['GET', '/view/latest.txt'],
    ] as const)
      assert.equal(await ask(path, { host, ...headers }, method), 403, `${method} ${path} ${JSON.stringify(headers)}`)
  assert.equal(it.running.collection.counts.total, 1)
  // A link may lead to the page, which has nothing of the mail in it.
  assert.equal(await ask('/', { host, 'sec-fetch-site': 'cross-site' }), 200)
  assert.equal(await ask('/api/v1/messages', { host, origin, 'sec-fetch-site': 'same-origin' }), 200)
  assert.equal(await ask('/api/v1/messages', { host }, 'DELETE'), 200)
})

test('the HTML of a mail goes out under a policy that lets nothing run and nothing load, and without what no policy reaches', async () => {
  const evil = [
    '<html><head><meta http-equiv="refresh" content="0;url=https://attacker.example/"><base href="https://attacker.example/">',
    '<link rel="dns-prefetch" href="//attacker.example"><script>alert(1)</script></head><body bgcolor="red" onload="alert(2)">',
    '<p onclick="alert(3)" title="a&quot; onx=&quot;b">text &lt;script&gt;</p><a href="javascript:alert(4)" ping="https://attacker.example">x</a>',
    '<a href="https://example.test/?a=1&amp;b=2">good</a><iframe srcdoc="<script>alert(5)</script>">inside</iframe>',
    '<form action="https://attacker.example"><input formaction="https://attacker.example"></form><svg><script>alert(6)</script></svg>',
    '<style>p { background: url(https://attacker.example/a.png) }</style><img src="https://attacker.example/b.png">',
    '<object data="https://attacker.example">in</object><script>never closed',
  ].join('')
  await it.send({ subject: 'evil', text: 'x', html: evil })
  const answer = await it.ask('view/latest.html')
  const policy = answer.headers.get('content-security-policy') ?? ''
  assert.match(
    policy,
    /^sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; /,
  )
  assert.doesNotMatch(policy, /script|http/)
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  const html = await answer.text()
  assert.doesNotMatch(
    html,
    /<script|<meta http|<base href|<link|<iframe|<form|<object|javascript:|ping=|formaction|\son\w+="alert|alert\(/,
  )
  assert.match(html, /<body bgcolor="red">/)
  assert.match(html, /title="a&quot; onx=&quot;b"/)
  assert.match(html, /<a href="https:\/\/example\.test\/\?a=1&amp;b=2" rel="noopener noreferrer">/)
  const remote = await it.ask('view/latest.html?remote=1')
  const wider = remote.headers.get('content-security-policy') ?? ''
  assert.match(wider, /^sandbox .*img-src data: https: http:; style-src 'unsafe-inline' https: http:/)
  assert.doesNotMatch(wider, /script/)
})

test('a file is never a page of ours, whatever it says it is, and its name is none of the file system', async () => {
  await it.send({
    subject: 'files',
    attachments: [
      { filename: '../../etc/"pass\r\nwd', content: '<script>alert(1)</script>', contentType: 'text/html' },
      { filename: 'a.svg', content: '<svg onload="alert(1)"/>', contentType: 'image/svg+xml' },
    ],
  })
  const mail = (await (await it.ask('api/v1/message/latest')).json()) as { Attachments: { PartID: string }[] } // of shape.ts
  for (const { PartID } of mail.Attachments) {
    const part = await it.ask(`api/v1/message/latest/part/${PartID}`)
    assert.equal(part.status, 200)
    assert.match(part.headers.get('content-disposition') ?? '', /^attachment; filename\*=UTF-8''[\w.%-]+$/)
    assert.doesNotMatch(part.headers.get('content-disposition') ?? '', /%2F/)
    assert.match(part.headers.get('content-security-policy') ?? '', /sandbox/)
    assert.equal(part.headers.get('x-content-type-options'), 'nosniff')
  }
})

test('what is beyond all reason is taken and shown: no end of fields, of parts, of names, of octets that are no text', async () => {
  const odd = [
    `To: ${'a@b.test, '.repeat(500)}\r\nSubject: =?utf-8?Q?=00=1B[31m=E2=80=AEx?=\r\n\r\nbody`,
    `${'X-A: b\r\n'.repeat(500)}\r\nbody`,
    `Content-Type: multipart/mixed; boundary=x\r\n\r\n${'--x\r\n\r\n\r\n'.repeat(3_000)}`,
    'no header at all',
    '\r\n',
    `Content-Type: text/html; charset=nonsense\r\n\r\n${'<div>'.repeat(50_000)}`,
  ]
  for (const raw of odd) {
    assert.match(await it.send({ envelope: { from: '', to: ['x@y.test'] }, raw } as never), /^250 /)
    for (const path of ['', '/headers', '/raw'])
      assert.equal((await it.ask(`api/v1/message/latest${path}`)).status, 200)
    assert.ok([200, 404].includes((await it.ask('view/latest.html')).status))
  }
  assert.equal((await it.ask('api/v1/messages')).status, 200)
})
