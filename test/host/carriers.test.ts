/** Who takes what: known at RCPT, not after the message. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createServer } from '@postroad/core'
import { definePlugin, type Route } from '@postroad/plugin'
import { runDialogue } from '@postroad/testing'

const ROUTES = new Map<string, Route>([
  ['inline', { via: 'inline' }],
  ['stored', { via: 'stored' }],
  ['team', { via: 'inline', also: [{ via: 'stored' }] }],
  ['trap', { via: 'discard' }],
  ['copied', { via: 'discard', also: [{ via: 'stored' }] }],
  ['typo', { via: 'sotred' }],
])

const roads = definePlugin({ name: 'roads', hooks: { route: ({ recipient }) => ROUTES.get(recipient.local) } })

const carrier = (via: string) =>
  definePlugin({
    name: `by-${via}`,
    hooks: {
      queue: {
        carries: (each) => each === via,
        handler: ({ deliveries }) =>
          deliveries.every(({ route }) => route.via === via) ? { id: `by ${via}` } : undefined,
      },
    },
  })

/** Runs `C:` and `S:` lines after EHLO; resolves to what was logged. */
async function dialogue(text: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'postroad-'))
  let logged = ''
  await using server = await createServer({
    hostname: 'mx.test',
    folder,
    log: { format: 'json', write: (lines) => void (logged += lines) },
    setup(app) {
      app.use(roads()).use(carrier('inline')()).use(carrier('stored')()).listen({ host: '127.0.0.1', port: 0 })
    },
  })
  await server.listen()
  const said = `S: 220 *\nC: EHLO client.test\nS: 250-*\nS: 250 *\n${text}C: QUIT\nS: 221 *\n`
  await runDialogue(said, { port: server.addresses[0]?.port ?? 0 })
  await server.close({ grace: 0 })
  await rm(folder, { recursive: true })
  return logged
}

const MAIL = 'C: MAIL FROM:<a@client.test>\nS: 250 *\n'
const rcpt = (local: string, reply: string) => `C: RCPT TO:<${local}@mx.test>\nS: ${reply}\n`
const data = (reply: string) => `C: DATA\nS: 354 *\nC: Subject: x\\r\\n\\r\\nx\\r\\n.\nS: ${reply}\n`

test('a recipient nobody takes, or whose ways nobody takes together, is refused at RCPT, and the log says why', async () => {
  const logged = await dialogue(`${MAIL}${rcpt('typo', '451 4.3.5 *')}${rcpt('team', '451 4.3.5 *')}`)
  assert.match(logged, /"level":"error".*no plugin of this scope takes .*"to":"typo@mx\.test","via":\["sotred"\]/)
  assert.match(logged, /"to":"team@mx\.test","via":\["inline","stored"\]/)
})

test('recipients nobody takes together are taken one after the other', async () => {
  await dialogue(
    `${MAIL}${rcpt('inline', '250 *')}${rcpt('stored', '452 4.5.3 *')}${rcpt('trap', '250 *')}${data('250 * queued as by inline')}` +
      `${MAIL}${rcpt('stored', '250 *')}${data('250 * queued as by stored')}`,
  )
})

test('what is to be discarded needs nobody who takes it', async () => {
  await dialogue(
    `${MAIL}${rcpt('trap', '250 *')}${data('250 2.0.0 *')}${MAIL}${rcpt('copied', '250 *')}${data('250 * queued as by stored')}`,
  )
})
