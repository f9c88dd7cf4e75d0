/** The example `sender`, and the lines of docs/injection.md, said to it as the page has them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createSink } from '@postroad/testing'
import { SmtpClient } from '../failure/smtp-client.ts'
import { requires } from '../runner/requires.ts'
import { ROOT } from '../structure/workspace.ts'
import { command, type Example, startExample } from './run.ts'

const skip = requires('curl', 'python3-minimal')
const CONFIG = ['--config', 'examples/sender']

let folder = ''
let example: Example
let sink: Awaited<ReturnType<typeof createSink>>
let env: Record<string, string> = {}
let token = ''

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-sender-'))
  sink = await createSink()
  env = { POSTROAD_FOLDER: folder, POSTROAD_PORTS: '0,0,0', POSTROAD_RELAY: `127.0.0.1:${sink.port}` }
  // The key comes before the plugin is used: from where there is one already.
  await command(
    ['dkim', 'keygen', 'shop.example', '--selector', '2026a', '--folder', folder, '--config', 'examples/mx-gateway'],
    env,
  )
  token = /prt_\S+/.exec(await command(['token', 'new', 'shop', '--role', 'send', ...CONFIG], env))?.[0] ?? ''
  assert.notEqual(token, '')
  example = await startExample('sender', env)
})

after(async () => {
  assert.equal(await example.stop(), 0)
  await sink.close()
  await rm(folder, { recursive: true, force: true })
})

/** What a program prints that is run with the token. */
async function printed(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, TOKEN: token }, stdio: ['ignore', 'pipe', 'pipe'] }) // biome-ignore format: one call
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0, err)
  return out
}

/** Blocks of a language on the page, with our port in the place of its own. */
async function blocks(language: string): Promise<readonly string[]> {
  const page = await readFile(path.join(ROOT, 'docs/injection.md'), 'utf8')
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text = '']) =>
    text.replaceAll('http://localhost:8025', `http://127.0.0.1:${example.ports['api']}`),
  )
}

/** The message to somebody, when it is there. */
async function mailTo(recipient: string, subject: string): Promise<{ readonly from: string; readonly text: string }> {
  for (let tries = 0; tries < 3_000; tries++) {
    for (const { from, recipients, message } of sink.transactions) {
      const text = String(message)
      if (recipients.some((one) => one.includes(recipient)) && text.includes(`Subject: ${subject}\r\n`)) return { from, text } // biome-ignore format: one thought
    }
    await new Promise((wake) => setTimeout(wake, 10))
  }
  throw new Error(`nothing for ${recipient}: ${subject}`)
}

/** Events of a kind about somebody, when there is one. */
async function told(kind: string, to: string): Promise<Record<string, unknown>> {
  for (let tries = 0; tries < 3_000; tries++) {
    const text = await readFile(path.join(folder, 'events.ndjson'), 'utf8').catch(() => '')
    const events = text.split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line)) // biome-ignore format: short
    const found = events.find(({ type, data }) => type === kind && data.to.includes(to))
    if (found) return found.data
    await new Promise((wake) => setTimeout(wake, 10))
  }
  throw new Error(`no ${kind} of ${to}`)
}

async function inject(message: object): Promise<{ readonly status: number; readonly body: any }> {
  const response = await fetch(`http://127.0.0.1:${example.ports['api']}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ subject: 'Hello', text: 'It works.', ...message }),
  })
  return { status: response.status, body: await response.json() }
}

test('docs/injection.md: each line in curl, Node and Python does what the page says', { skip }, async () => {
  await writeFile(path.join(folder, 'mail.eml'), 'From: shop@shop.example\r\nSubject: Whole\r\n\r\nIt works.\r\n')
  const [make = '', ...lines] = await blocks('sh')
  assert.match(make, /^npx postroad token new shop --role send /)
  const [one = '', whole = '', takeBack = '', state = '', templates = '', ...rest] = lines
  assert.deepEqual(rest, [])
  const curl = async (line: string) => JSON.parse(await printed('bash', ['-c', line]))
  const { id, messageId } = await curl(one)
  assert.match(messageId, /^<[0-9a-f-]+@shop\.example>$/)
  assert.deepEqual(await curl(one), { id, messageId }, 'the same key is one message')
  assert.match((await mailTo('ann@example.com', 'Your order')).text, /Thank you\.[\s\S]*<b>you<\/b>/)
  assert.match((await curl(whole)).id, /^\w+$/)
  await mailTo('ann@example.com', 'Whole')
  await told('delivered', 'ann@example.com')
  const seen = await curl(state.replace('01m8qb8trnwgymax23tx', id))
  assert.deepEqual([seen.id, seen.from, seen.recipients[0].state], [id, 'shop@shop.example', 'delivered'])
  const { body } = await inject({ from: 'shop@shop.example', to: 'late@example.com', at: '+2 h' })
  assert.equal(await printed('bash', ['-c', takeBack.replace('01m8qb8trnwgymax23tx', body.id)]), '')
  assert.equal((await curl(state.replace('01m8qb8trnwgymax23tx', body.id))).recipients[0].state, 'cancelled')
  const { accepted, results } = await curl(templates)
  assert.deepEqual([accepted, results.length], [2, 2])
  assert.match((await mailTo('bob@example.com', 'For Bob')).text, /Dear Bob, your code is Y\./)
  const [node = ''] = await blocks('js')
  assert.match(await printed(process.execPath, ['--input-type=module', '-e', node]), /^202 \{/)
  const [python = ''] = await blocks('python')
  assert.match(await printed('python3', ['-c', python]), /^\{'id': '\w+', 'messageId': /)
})

test('bulk mail has a link, signed; who follows it is written to no more, but for receipts', async () => {
  assert.equal((await inject({ from: 'news@shop.example', to: 'carl@example.com' })).status, 202)
  const { from, text } = await mailTo('carl@example.com', 'Hello')
  assert.match(from, /^<bounce\+[\w-]+@b\.shop\.example>/)
  assert.match(text, /^DKIM-Signature: [\s\S]*?h=[^;]*list-unsubscribe-post/im)
  const link = new URL(/^List-Unsubscribe: <([^>]+)>/m.exec(text)?.[1] ?? '')
  const asked = request({
    port: example.ports['links'],
    path: link.pathname,
    method: 'POST',
    headers: { host: link.host, 'content-type': 'application/x-www-form-urlencoded' },
  })
  asked.end('List-Unsubscribe=One-Click')
  const [answer] = await once(asked, 'response')
  assert.equal(answer.resume().statusCode, 200)
  assert.equal((await told('unsubscribed', 'carl@example.com'))['from'], 'news@shop.example')
  const again = await inject({ from: 'news@shop.example', to: 'carl@example.com' })
  assert.deepEqual([again.status, again.body.reply?.code], [422, 550])
  assert.equal((await inject({ from: 'shop@shop.example', to: 'carl@example.com' })).status, 202)
})

test('a bounce that comes back is an event, and its address is suppressed; a forged one is refused', async () => {
  await inject({ from: 'shop@shop.example', to: 'gone@example.com' })
  const { from } = await mailTo('gone@example.com', 'Hello')
  const path = from.replace(/ .*/, '')
  const report = [
    'From: Mail Delivery System <MAILER-DAEMON@mx.example.com>',
    'Subject: Undelivered Mail Returned to Sender',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    '',
    '--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n',
    '--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n',
    'Final-Recipient: rfc822; gone@example.com\r\nAction: failed\r\nStatus: 5.1.1',
    'Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n--b--\r\n.',
  ].join('\r\n')
  const replies: string[] = []
  const client = await SmtpClient.connect(example.ports['mx'] ?? 0)
  replies.push(await client.reply())
  for (const line of ['EHLO mx.example.com', 'MAIL FROM:<>', `RCPT TO:${path.replace(/.@b\./, 'x@b.')}x`.slice(0, -1), `RCPT TO:${path}`, 'DATA', report]) // biome-ignore format: a session
    replies.push(await client.send(line))
  client.end()
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ['220', '250', '250', '550', '250', '354', '250'],
    replies.join('\n'),
  )
  const bounced = await told('bounced', 'gone@example.com')
  assert.deepEqual([bounced['reported'], bounced['fault']], [true, 'address'])
  const again = await inject({ from: 'shop@shop.example', to: 'gone@example.com' })
  assert.deepEqual([again.status, again.body.reply?.code], [422, 550])
  assert.match(await command(['suppression', 'list', ...CONFIG], env), /gone@example\.com/)
  assert.match(await command(['events', 'status', ...CONFIG], env), /file/)
  assert.match(await command(['events', 'list', '--kind', 'bounced', ...CONFIG], env), /gone@example\.com/)
})
