/** The example `submission`: real TLS, real AUTH, real limits, DKIM, and a queue that delivers to a sink. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createSink } from '@postroad/testing'
import nodemailer from 'nodemailer'
import { CERTIFICATE } from '../conformance/certificate.ts'
import { command, type Example, startExample } from './run.ts'

let folder = ''
let example: Example
let sink: Awaited<ReturnType<typeof createSink>>
let env: Record<string, string> = {}

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-submission-'))
  await writeFile(path.join(folder, 'key.pem'), CERTIFICATE.key)
  await writeFile(path.join(folder, 'cert.pem'), CERTIFICATE.cert)
  sink = await createSink()
  env = { POSTROAD_FOLDER: folder, POSTROAD_PORTS: '0,0', POSTROAD_RELAY: `127.0.0.1:${sink.port}` }
  const key = [
    'dkim',
    'keygen',
    'example.test',
    '--selector',
    'mail',
    '--folder',
    folder,
    '--config',
    'examples/mx-gateway',
  ]
  assert.match(await command(key, env), /mail\._domainkey\.example\.test\. IN TXT/)
  await command(['user', 'add', 'alice@example.test', '--config', 'examples/submission'], env, 'correct horse\n')
  example = await startExample('submission', env)
})

after(async () => {
  assert.equal(await example.stop(), 0)
  await sink.close()
  await rm(folder, { recursive: true, force: true })
})

function client(options: { secure?: boolean; pass?: string; method?: string }) {
  const { secure = false, pass = 'correct horse', method } = options
  return nodemailer.createTransport({
    host: '127.0.0.1',
    port: example.ports[secure ? 'submissions' : 'submission'] ?? 0,
    secure,
    requireTLS: !secure,
    auth: { user: 'alice@example.test', pass },
    tls: { rejectUnauthorized: false },
    ...(method ? { authMethod: method } : {}),
  })
}
const message = { from: 'alice@example.test', to: 'bob@elsewhere.test', subject: 'Hello', text: 'It works.' }

for (const secure of [false, true]) {
  test(`mail handed in on ${secure ? 'port 465' : 'port 587'} is signed, queued and delivered`, async () => {
    const before = sink.transactions.length
    const { response } = await client({ secure }).sendMail(message)
    assert.match(response, /^250 2\.0\.0 Ok/)
    await arrived(before + 1)
    const text = String(sink.transactions.at(-1)?.message)
    assert.match(text, /^DKIM-Signature: v=1; a=rsa-sha256;[\s\S]*d=example\.test;/m)
    assert.match(text, /^Received: from [\s\S]*? with ESMTPSA id /m)
    assert.match(text, /It works\./)
  })
}

for (const mode of ['starttls', 'implicit'] as const) {
  test(`postroad send hands mail in with --tls ${mode}, and shows no credentials`, async () => {
    const before = sink.transactions.length
    const port = example.ports[mode === 'implicit' ? 'submissions' : 'submission']
    const from = [
      '--user',
      'alice@example.test',
      '--from',
      'alice@example.test',
      '--header',
      'X-Trial: yes',
      '--attach',
      'LICENSE',
    ]
    const args = [
      'send',
      '--server',
      `127.0.0.1:${port}`,
      '--tls',
      mode,
      ...from,
      '--to',
      'bob@elsewhere.test',
      'eve@elsewhere.test',
    ]
    const out = await command(args, env, 'correct horse\n')
    assert.match(out, /^\* TLSv1\.3 X25519MLKEM768 TLS_\w+, the certificate was not checked$/m)
    assert.match(
      out,
      /^> AUTH PLAIN \*\*\*\n< 235 [\s\S]*^> RCPT TO:<eve@elsewhere\.test>\n[\s\S]*^> \(\d+ octets\)\n< 250 2\.0\.0 /m,
    )
    for (const secret of ['correct horse', '\0alice@example.test\0correct horse'])
      assert.ok(!out.includes(secret) && !out.includes(Buffer.from(secret).toString('base64')), out)
    await arrived(before + 1)
    assert.match(
      String(sink.transactions.at(-1)?.message),
      /^X-Trial: yes\r\n[\s\S]*^Content-Disposition: attachment; filename=LICENSE/m,
    )
  })
}

test('postroad send sends no password in the clear, and says how it was refused', async () => {
  const to = ['--server', `127.0.0.1:${example.ports['submission']}`, '--to', 'bob@elsewhere.test']
  const known = { ...env, POSTROAD_PASSWORD: 'wrong' }
  await assert.rejects(
    command(['send', ...to, '--user', 'alice@example.test'], known),
    /AUTH PLAIN \*\*\*\n< 535 5\.7\.8 [\s\S]*> QUIT\n< 221 /,
  )
  // Another name of the loopback, which is not one that is known as such.
  const far = [
    'send',
    '--server',
    `0.0.0.0:${example.ports['submission']}`,
    '--to',
    'bob@elsewhere.test',
    '--user',
    'alice@example.test',
  ]
  await assert.rejects(command(far, known), /> STARTTLS\n[^>]*certificate[^>]*; --insecure takes any certificate\n$/)
  await assert.rejects(
    command([...far, '--insecure'], known),
    /\* TLSv1\.3 X25519MLKEM768 TLS_\w+, the certificate was not checked\n[\s\S]*< 535 /,
  )
  await assert.rejects(command([...far, '--tls', 'none'], known), /in the clear: it was not sent\n$/)
  await assert.rejects(command(['send', ...to, '--tls', 'none', '--quiet'], known), /code 1\n530 5\.7\.0 /)
  await assert.rejects(
    command(['send', '--server', `127.0.0.1:${example.ports['submissions']}`, '--timeout', '0.5', '--to', 'x'], known),
    /[Tt]ime/,
  )
})

test('a wrong password, a foreign sender, and a client without TLS or AUTH are refused', async () => {
  await assert.rejects(client({ pass: 'wrong' }).sendMail(message), /535 5\.7\.8/)
  await assert.rejects(client({}).sendMail({ ...message, from: 'boss@example.test' }), /553 5\.7\.1/)
  const plain = nodemailer.createTransport({
    host: '127.0.0.1',
    port: example.ports['submission'] ?? 0,
    ignoreTLS: true,
  })
  await assert.rejects(plain.sendMail(message), /530 5\.7\.0/)
  const open = nodemailer.createTransport({
    host: '127.0.0.1',
    port: example.ports['submissions'] ?? 0,
    secure: true,
    tls: { rejectUnauthorized: false },
  })
  await assert.rejects(open.sendMail(message), /530 5\.7\.0/)
})

test('postroad route says which rule decides', async () => {
  assert.match(
    await command(
      ['route', 'bob@elsewhere.test', '--identity', 'alice@example.test', '--config', 'examples/submission'],
      env,
    ),
    /smtp/,
  )
})

test('the queue shows that nothing is left', async () => {
  const out = await command(['queue', 'stats', '--json', '--config', 'examples/submission'], env)
  assert.ok(out.length > 0)
})

async function arrived(count: number): Promise<void> {
  for (let tries = 0; tries < 1_000 && sink.transactions.length < count; tries++)
    await new Promise((wake) => setTimeout(wake, 10))
  assert.equal(sink.transactions.length, count)
}
