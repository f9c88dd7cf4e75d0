/** The example `tenants`: two customers on one server, own rules each. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import nodemailer, { type SendMailOptions } from 'nodemailer'
import { freePorts } from '../interop/loopback.ts'
import { command, type Example, startExample } from './run.ts'

let folder = ''
let example: Example
let env: Record<string, string> = {}

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-tenants-'))
  const [release = 0] = await freePorts(1)
  env = { POSTROAD_FOLDER: folder, POSTROAD_PORT: '0', POSTROAD_RELEASE_PORT: `${release}` }
  example = await startExample('tenants', env)
})

after(async () => {
  assert.equal(await example.stop(), 0)
  await rm(folder, { recursive: true, force: true })
})

async function send(to: string, more: SendMailOptions = {}): Promise<string> {
  const transport = nodemailer.createTransport({ host: '127.0.0.1', port: example.ports['mx'] ?? 0, ignoreTLS: true })
  try {
    return (await transport.sendMail({ from: 'someone@else.test', to, subject: 'Hello', text: 'x', ...more })).response
  } catch (error) {
    return error instanceof Error && 'response' in error ? String(error.response) : String(error)
  }
}

async function mailbox(domain: string, user: string, count: number): Promise<void> {
  const box = path.join(folder, 'mail', domain, user, 'new')
  let files: string[] = []
  for (let tries = 0; tries < 1_000 && files.length < count; tries++) {
    await new Promise((wake) => setTimeout(wake, 10))
    files = await readdir(box).catch(() => [])
  }
  assert.equal(files.length, count, box)
}

test('the law firm has two users; the bakery takes everything in one mailbox', async () => {
  assert.match(await send('clerk@law-firm.test'), /^250/)
  assert.match(await send('nobody@law-firm.test'), /^550 5\.1\.1/)
  assert.match(await send('anything@bakery.test'), /^250/)
  assert.match(await send('x@elsewhere.test'), /^550 5\.7\.1/)
  await mailbox('law-firm.test', 'clerk', 1)
  await mailbox('bakery.test', 'shop', 1)
})

test('the same points are worth a quarantine to one and a refusal to the other', async () => {
  const subject = 'READ THIS NOW PLEASE'
  assert.match(await send('partner@law-firm.test', { subject }), /^250/)
  assert.match(await send('shop@bakery.test', { subject }), /^550 5\.7\.1/)
  assert.match(await command(['quarantine', 'list', '--config', 'examples/tenants'], env), /partner@law-firm\.test/)
  const [held = {}] = (await command(['quarantine', 'list', '--json', '--config', 'examples/tenants'], env))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.match(await command(['quarantine', 'release', held.id, '--config', 'examples/tenants'], env), /true +250/)
  await mailbox('law-firm.test', 'partner', 1)
  const args = [
    'try',
    '-',
    '--to',
    'partner@law-firm.test',
    '--from',
    'x@newsletter.example',
    '--config',
    'examples/tenants',
  ]
  const tried = await command(args, env, `Subject: ${subject}\r\n\r\nx\r\n`)
  assert.match(tried, /quarantined: 3 points/)
  assert.match(
    tried,
    /access +reject Access denied \(shadow: not obeyed\)[\s\S]*shouting +suspect 3[\s\S]*thresholds: quarantine from 3, for 3 points/,
  )
})

test('programs are not taken by the bakery, and are by the law firm', async () => {
  const attachments = [{ filename: 'cake.exe', content: 'MZ' }]
  assert.match(await send('shop@bakery.test', { attachments }), /^554 5\.7\.0 Programs/)
  assert.match(await send('partner@law-firm.test', { attachments }), /^250/)
})

test('a rule that is only tried is in the log and refuses nobody', async () => {
  assert.match(await send('clerk@law-firm.test', { from: 'a@newsletter.example' }), /^250/)
  let shadowed: Record<string, unknown>[] = []
  for (let tries = 0; tries < 200 && shadowed.length === 0; tries++) {
    await new Promise((wake) => setTimeout(wake, 10))
    shadowed = example
      .lines()
      .flatMap((line) => (line['opinions'] ?? []) as Record<string, unknown>[])
      .filter((one) => one['shadow'])
  }
  assert.deepEqual(
    shadowed.map((one) => one['plugin']),
    ['access'],
  )
})
