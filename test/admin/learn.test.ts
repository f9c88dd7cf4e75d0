/** Filters are taught what mail of the quarantine is: by whom it concerns, and each says what came of it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { definePlugin, desk, LearningDesk } from '@postroad/plugin'
import { rspamd } from '@postroad/rspamd'
import { type Rig, start } from './server.ts'

/** Finds nothing in any message, and learns for who has the password. */
async function controller(context: TestContext) {
  const learned: { readonly path: string | undefined; readonly body: string }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    if (request.url === '/checkv2')
      response.end('{"action":"no action","score":0,"required_score":15,"symbols":{},"is_skipped":false}')
    else if (request.headers['password'] !== 'secret') response.writeHead(401).end('{"error":"Unauthorized"}')
    else {
      learned.push({ path: request.url, body: Buffer.concat(chunks).toString() })
      response.end('{"success":true}')
    }
  }).listen(0, '127.0.0.1')
  context.after(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  return { at: `127.0.0.1:${(server.address() as AddressInfo).port}`, learned } // as: it listens on a port
}

async function kept(rig: Rig): Promise<string> {
  assert.match(await rig.send('Spam'), /^250 /)
  const { items, canLearn } = (await rig.ask('GET', '/v1/quarantine', { token: 'read' })).json()
  assert.equal(canLearn, true)
  return items[0].id
}

test('every filter that learns is taught a message of the quarantine, for its recipients, and it stays there', async (context) => {
  const { at, learned } = await controller(context)
  const lessons: (readonly [string, readonly string[], string | undefined])[] = []
  const apprentice = definePlugin({
    name: 'apprentice',
    setup: () => ({
      desks: [
        desk(LearningDesk, {
          async learn(message, { as, recipients }) {
            lessons.push([as, recipients, message.subject])
            if (as === 'ham') throw new Error('of ham it knows enough')
            return 'learned'
          },
        }),
      ],
    }),
  })
  const rig = await start(
    context,
    {},
    {},
    {
      more: (app) => void app.use(rspamd({ at: [at], controller: { at, password: 'secret' } })).use(apprentice()),
    },
  )
  const id = await kept(rig)
  const learn = (body: object, token: 'read' | 'operate' = 'operate') =>
    rig.ask('POST', `/v1/quarantine/${id}/learn`, { token, body })
  assert.deepEqual((await learn({ as: 'spam' })).json().by, [
    { plugin: 'rspamd', ok: true, text: 'learned' },
    { plugin: 'apprentice', ok: true, text: 'learned' },
  ])
  assert.equal(learned[0]?.path, '/learnspam')
  assert.match(learned[0]?.body ?? '', /^Subject: Spam\r$/m)
  // One that could not be taught is no reason to keep quiet about the others.
  assert.deepEqual((await learn({ as: 'ham', to: ['bob@a.test'] })).json().by, [
    { plugin: 'rspamd', ok: true, text: 'learned' },
    { plugin: 'apprentice', ok: false, text: 'of ham it knows enough' },
  ])
  assert.deepEqual(lessons, [
    ['spam', ['bob@a.test'], 'Spam'],
    ['ham', ['bob@a.test'], 'Spam'],
  ])
  assert.equal((await learn({ as: 'spam', to: ['eve@a.test'] })).status, 404)
  assert.equal((await learn({ as: 'maybe' })).status, 400)
  assert.equal((await learn({ as: 'spam', to: [] })).status, 400)
  assert.equal((await learn({ as: 'spam' }, 'read')).status, 403)
  assert.equal(
    (await rig.ask('POST', '/v1/quarantine/nothing/learn', { token: 'operate', body: { as: 'spam' } })).status,
    404,
  )
  assert.equal(lessons.length, 2)
  const { items } = (await rig.ask('GET', '/v1/audit', { token: 'read' })).json()
  assert.deepEqual(
    items.map(({ action, target, ok }: Record<string, unknown>) => [action, target, ok]),
    [
      ['learn as ham', id, false],
      ['learn as spam', id, true],
    ],
  )
  assert.equal((await rig.ask('GET', '/v1/quarantine', { token: 'read' })).json().total, 1)
})

test('a controller that wants another password is said in its own words', async (context) => {
  const { at } = await controller(context)
  const rig = await start(context, {}, {}, { more: (app) => void app.use(rspamd({ at: [at], controller: { at } })) })
  const answer = await rig.ask('POST', `/v1/quarantine/${await kept(rig)}/learn`, {
    token: 'operate',
    body: { as: 'spam' },
  })
  assert.deepEqual(answer.json().by, [{ plugin: 'rspamd', ok: false, text: 'HTTP 401: Unauthorized' }])
})
