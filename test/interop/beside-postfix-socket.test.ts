/** The UNIX socket of docs/beside-postfix.md, as it stands but for the folder: a Postfix whose LMTP client is in a chroot hands over by it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { until } from '../cli/operator.ts'
import { certificate } from '../delivery/certificate.ts'
import { mails } from '../delivery/mailbox.ts'
import { startPostfix } from '../delivery/postfix.ts'
import { collect, makeFolder, startCommand } from '../kit/command.ts'
import { readPage, type ShownFile } from '../kit/markdown.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { ROOT } from '../structure/workspace.ts'
import { CLIENTS } from './client.ts'

const skip = requires('postfix', 'swaks') || (process.getuid?.() === 0 ? false : 'Postfix needs root')
const page = readPage(readFileSync(path.join(ROOT, 'docs/beside-postfix.md'), 'utf8'))

function shown(name: string): string {
  const file = page.find((one): one is ShownFile => 'name' in one && one.name === name)
  assert.ok(file, `${name} is on the page`)
  return file.text
}

test('behind, by a UNIX socket: it belongs to the group that the page gives it to, and a chroot is no hindrance', {
  skip,
}, async (t) => {
  const folder = await makeFolder()
  t.after(() => rm(folder, { recursive: true, force: true }))
  await using postfix = await startPostfix({
    certificate,
    domain: 'example.test',
    main: shown('socket.main.cf'),
    master: 'lmtp unix - - y - - lmtp\n',
  })
  const place = path.join(path.dirname(path.dirname(postfix.mailbox('alice'))), 'queue/postroad')
  execFileSync(programPath('install'), ['-d', '-o', 'nobody', '-g', 'postfix', '-m', '0750', place])
  for (const name of ['mail', 'var']) {
    await mkdir(path.join(folder, name))
    execFileSync(programPath('chown'), ['nobody', path.join(folder, name)])
  }
  await writeFile(
    path.join(folder, 'socket.config.ts'),
    shown('socket.config.ts').replace('/var/spool/postfix/postroad', place),
  )
  const server = startCommand(folder, 'start', 'socket.config.ts', '--user', 'nobody', '--log', 'json')
  const [out, err] = [collect(server.stdout), collect(server.stderr)]
  const ended = once(server, 'close')
  try {
    await until(
      () => (server.exitCode === null ? /Stop with Ctrl-C/.exec(out()) : assert.fail(`${out()}${err()}`)) ?? undefined,
    )
    const socket = await stat(path.join(place, 'lmtp'))
    const group = Number(/^postfix:[^:]*:(\d+):/m.exec(readFileSync('/etc/group', 'utf8'))?.[1])
    assert.deepEqual([socket.mode & 0o777, socket.gid], [0o660, group])
    const data = Buffer.from('From: sender@client.example\r\nSubject: by a socket\r\n\r\nHello\r\n')
    const taken = await CLIENTS.get('swaks')?.send({
      port: postfix.port,
      from: 'sender@client.example',
      to: ['alice@example.test'],
      data,
    })
    assert.ok(taken?.isSent, taken?.said)
    assert.match(
      (await mails(path.join(folder, 'mail/alice'), 1)).join(''),
      /by postfix\.test[\s\S]*Subject: by a socket/,
    )
  } finally {
    server.kill('SIGTERM')
    await ended
  }
})
