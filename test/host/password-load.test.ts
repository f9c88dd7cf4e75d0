/** Guessing passwords costs the guessers time, and nobody else: mail is stored while they wait. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { authFile } from '@postroad/auth-file'
import { type Config, createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { SmtpClient } from '../failure/smtp-client.ts'

const GUESSERS = 80
/** Enough to be kept in a file. */
const BODY = `${'x'.repeat(70)}\r\n`.repeat(20_000)
const folder = await mkdtemp(path.join(tmpdir(), 'postroad-guesses-'))
after(() => rm(folder, { recursive: true, force: true }))

async function hello(port: number): Promise<SmtpClient> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  await client.send('EHLO client.test')
  return client
}

test('with eighty wrong logins in flight a stranger’s message is stored before they are answered', async () => {
  const failures = { byAddress: '10000 per 15 min', byUser: '10000 per 15 min' }
  const embedded = embeddedServices(path.join(folder, 'services'))
  const config: Config = {
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    setup(app) {
      app.use(authFile({ path: path.join(folder, 'users'), failures, delay: 0 }))
      app.use(routing({ domains: { 'ours.test': { via: 'discard' } } }))
      app.use(queue())
      app.listen({
        name: 'mx',
        host: '127.0.0.1',
        port: 0,
        authWithoutTls: true,
        limits: { connectionsPerAddress: 200 },
      })
    },
  }
  const server = await createServer(config, {
    services: [...embedded.services, { service: Dns, create: () => zoneDns({}) }],
  })
  await server.listen()
  const port = server.addresses[0]?.port ?? 0
  const stranger = await hello(port)
  const guessers = await Promise.all(Array.from({ length: GUESSERS }, () => hello(port)))
  const guess = (guesser: SmtpClient, name: string): Promise<string> =>
    guesser.send(`AUTH PLAIN ${Buffer.from(`\0${name}\0wrong`).toString('base64')}`)
  assert.match(await guess(await hello(port), 'first'), /^535 /)
  const replies: string[] = []
  const guesses = guessers.map(async (guesser, index) => replies.push(await guess(guesser, `guess${index}`)))
  await Promise.race(guesses)
  for (const line of ['MAIL FROM:<a@b.test>', 'RCPT TO:<c@ours.test>', 'DATA']) await stranger.send(line)
  assert.match(await stranger.send(`Subject: x\r\n\r\n${BODY}.`), /^250 /)
  await stat(folder)
  const checked = replies.filter((reply) => reply.startsWith('535 ')).length
  assert.ok(
    checked < GUESSERS / 4,
    `${checked} passwords were checked before the message was stored and a file was looked at`,
  )
  for (const guesser of guessers) guesser.end()
  await Promise.all(guesses)
  await stranger.quit()
  await server.close({ grace: 0 })
  await embedded.close()
})
