/** Rejections that nobody holds, and throws in timers: the process lives, and the log says whose they were. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { SmtpClient } from './smtp-client.ts'

const HOOKS = [
  'connect',
  'helo',
  'auth',
  'mail',
  'rcpt',
  'route',
  'nexthop',
  'data',
  'receive',
  'message',
  'rewrite',
  'quarantine',
  'queue',
  'verify',
  'expand',
  'help',
  'unknown',
  'accepted',
  'refused',
  'closed',
]

test('a floating rejection or a throw in a timer, at every hook, is logged with its plugin, and nobody is hurt', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-floating-'))
  const child = fork(new URL('./floating-server.ts', import.meta.url), [folder], {
    execArgv: ['--conditions=@postroad/source'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  for (let round = 0; round < 2; round++) {
    const client = await SmtpClient.connect(port)
    assert.match(await client.reply(), /^220/)
    const script = [
      'EHLO client.test',
      'AUTH PLAIN AGNhcm9sAHg=',
      'VRFY a',
      'EXPN a',
      'HELP',
      'FOO',
      'MAIL FROM:<a@b.test>',
      'RCPT TO:<c@d.test>',
      'DATA',
      'Subject: x\r\n\r\nx\r\n.',
      'MAIL FROM:<a@b.test>',
      'RCPT TO:<c@d.test>',
      'DATA',
      'X-Quarantine: 1\r\n\r\nx\r\n.',
    ]
    const replies: string[] = []
    for (const line of script) replies.push(await client.send(line))
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 3)),
      ['250', '535', '252', '502', '214', '500', '250', '250', '354', '250', '250', '250', '354', '250'],
    )
    await client.quit()
  }
  await new Promise((wake) => setTimeout(wake, 50))
  assert.match(await SmtpClient.connect(port).then((client) => client.reply()), /^220/)
  const exited = once(child, 'exit')
  child.disconnect()
  assert.deepEqual(await exited, [0, null])
  const floats = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((line) => line.text === 'a plugin let an error float')
  for (const hook of HOOKS) {
    const own = floats
      .filter((line) => line.plugin === 'failing' && line.hook === hook)
      .map((line) => line.error.message)
    for (const message of ['floating', 'floating too', 'in a timer'])
      assert.ok(own.includes(message), `${hook}: "${message}" is not in the log`)
  }
  assert.ok(
    floats.some((line) => line.plugin === 'sync'),
    'a handler that answers at once was not attributed, even after the first time',
  )
  await rm(folder, { recursive: true, force: true })
})
