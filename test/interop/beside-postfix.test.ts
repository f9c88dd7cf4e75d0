/** docs/beside-postfix.md, as it stands but for the ports: each of the three ways, with a real Postfix. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { certificate } from '../delivery/certificate.ts'
import { mails } from '../delivery/mailbox.ts'
import { type NextHop, type NextHopOptions, startPostfix } from '../delivery/postfix.ts'
import { collect, makeFolder, startCommand } from '../kit/command.ts'
import { readPage, type ShownFile } from '../kit/markdown.ts'
import { requires } from '../runner/requires.ts'
import { ROOT } from '../structure/workspace.ts'
import { CLIENTS } from './client.ts'
import { freePorts, waitForBanner } from './loopback.ts'

const skip = requires('postfix', 'swaks') || (process.getuid?.() === 0 ? false : 'Postfix needs root')
const page = readPage(readFileSync(path.join(ROOT, 'docs/beside-postfix.md'), 'utf8'))
const shown = new Map(page.filter((one): one is ShownFile => 'name' in one).map(({ name, text }) => [name, text]))

interface Fixture extends AsyncDisposable {
  /** The file of the page with this name, with ports that are free. */
  file(name: string): string
  /** A port of the page, as it is here. */
  port(written: number): number
  /** Starts Postroad with this configuration. */
  serve(config: string): Promise<string>
}

async function fixture(): Promise<Fixture> {
  const folder = await makeFolder()
  const written = [2525, 2424, 10025]
  const ports = await freePorts(written.length)
  const port = (one: number) => ports[written.indexOf(one)] ?? 0
  const disposals: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const file = (name: string): string => {
    const text = shown.get(name)
    assert.ok(text, `${name} is on the page`)
    // A chroot is made by Debian's own scripts, for Debian's own folders.
    return written
      .reduce((all, one) => all.replaceAll(String(one), String(port(one))), text)
      .replace('inet n - y - -', 'inet n - n - -')
  }
  return {
    file,
    port,
    async serve(config) {
      await mkdir(path.join(folder, 'mail'))
      await writeFile(path.join(folder, config), file(config))
      const child = startCommand(folder, 'start', config, '--log', 'json')
      const [out, err] = [collect(child.stdout), collect(child.stderr)]
      const gone = new AbortController()
      const ended = once(child, 'close').then(() => gone.abort(new Error(`${out()}${err()}`)))
      disposals.unshift(async () => {
        child.kill('SIGTERM')
        await ended
      })
      await waitForBanner(config === 'behind.config.ts' ? port(2424) : port(2525), gone.signal)
      return folder
    },
    async [Symbol.asyncDispose]() {
      for (const dispose of disposals) await dispose()
    },
  }
}

const postfix = (options: Omit<NextHopOptions, 'certificate'>): Promise<NextHop> =>
  startPostfix({ certificate, domain: 'example.test', ...options })

async function send(port: number, user: string): Promise<{ readonly isSent: boolean; readonly said: string }> {
  const client = CLIENTS.get('swaks')
  assert.ok(client)
  const data = Buffer.from('From: sender@client.example\r\nSubject: beside\r\n\r\nHello\r\n')
  return client.send({ port, from: 'sender@client.example', to: [`${user}@example.test`], data })
}

test('in front: 250 is said when Postfix has said it, and what it refuses at RCPT is refused at RCPT', {
  skip,
}, async () => {
  await using place = await fixture()
  await using behind = await postfix({ master: place.file('front.master.cf') })
  await place.serve('in-front.config.ts')
  const taken = await send(place.port(2525), 'alice')
  assert.ok(taken.isSent, taken.said)
  assert.match((await mails(behind.mailbox('alice'), 1)).join(''), /by mx\.example\.test[\s\S]*Subject: beside/)
  assert.match((await send(place.port(2525), 'nobody')).said, /-> RCPT TO:<nobody@example\.test>\n<\*\* 550 5\.1\.1 /)
})

test('behind: Postfix asks at RCPT who exists, and hands over by LMTP', { skip }, async () => {
  await using place = await fixture()
  const folder = await place.serve('behind.config.ts')
  // To the client of this test, which is on this machine, Postfix is as to one from outside.
  await using front = await postfix({
    main: `${place.file('behind.main.cf')}mynetworks = 192.0.2.0/24\nvirtual_mailbox_maps =\n`,
  })
  const taken = await send(front.port, 'alice')
  assert.ok(taken.isSent, taken.said)
  assert.match((await mails(path.join(folder, 'mail/alice'), 1)).join(''), /by postfix\.test[\s\S]*Subject: beside/)
  assert.match((await send(front.port, 'nobody')).said, /-> RCPT TO:<nobody@example\.test>\n<\*\* 550 5\.1\.1 /)
})

test('within: Postfix hands over and takes back', { skip }, async () => {
  await using place = await fixture()
  await using around = await postfix({ main: place.file('within.main.cf'), master: place.file('within.master.cf') })
  await place.serve('in-front.config.ts')
  const taken = await send(around.port, 'alice')
  assert.ok(taken.isSent, taken.said)
  const [mail = ''] = (await mails(around.mailbox('alice'), 1)).map(String)
  assert.deepEqual(mail.match(/\bby [a-z.]+(?= )/g), ['by postfix.test', 'by mx.example.test', 'by postfix.test'])
})
