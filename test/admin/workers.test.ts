/** The admin interface of `postroad start`, with two workers: what only who has started the server can do, it does, and says of each how it went. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { collect, EXPORT, freePort, Operator, until } from '../cli/operator.ts'
import { ask } from './server.ts'

let operator: Operator
before(async () => {
  operator = await Operator.begin()
})
after(() => operator.end())

const configuration = (smtp: number, web: number, more = ''): string => `import { admin } from '@postroad/admin'
import { definePlugin, reject, suspect } from '@postroad/plugin'
import { defineConfig } from 'postroad'
const road = definePlugin({ name: 'road', hooks: {
  route: ({ recipient }) => (recipient.domain === 'ours.test' ? { via: 'road' } : undefined),
  message: ({ message }) => (message.subject === 'Lottery' ? reject('not that one') : suspect(1.5, 'a little')),
  queue: ({ envelope }) => ({ id: envelope.id }),
} })
${EXPORT} defineConfig({
  hostname: 'mx.ours.test', folder: 'kept', dns: { servers: ['127.0.0.1:9'] },
  setup: (app) => void app.use(road()).use(admin({ page: false }))${more}
    .listen({ name: 'mx', host: '127.0.0.1', port: ${smtp} })
    .listen({ name: 'web', protocol: 'http', port: ${web} }),
})
`

test('of two workers: a reload is told by each, a message is tried, the log is of both, and doctor has looked', async (t) => {
  const [smtp, web] = [await freePort(), await freePort()]
  const config = await operator.config('postroad.config.ts', configuration(smtp, web))
  const made = await operator.run('token', 'new', 'ann', '--role', 'admin', '--config', config)
  const headers = { authorization: `Bearer ${made.out.trim()}` }
  const server = operator.spawn(['start', '--workers', '2', '--log', 'json'])
  t.after(() => server.kill('SIGKILL'))
  const log = collect(server.stdout)
  const api = (method: string, url: string, more: object = {}) =>
    ask({ host: '127.0.0.1', port: web }, method, url, { headers, ...more })
  const get = async (url: string) => (await api('GET', url)).json()
  await until(() => (log().includes('listening') ? true : undefined))
  const status = await until(async () => {
    const found = await get('/v1/status').catch(() => undefined)
    return found?.processes?.length === 2 ? found : undefined
  })
  assert.deepEqual(
    status.processes.map(({ id, generation }: Record<string, number>) => [id, generation]),
    [
      [1, 1],
      [2, 1],
    ],
  )
  for (const name of ['reload', 'try', 'doctor', 'trace', 'logs', 'tokens']) assert.ok(status.can.includes(name), name)

  // A message, by its octets: the same as `postroad try` says.
  const raw = 'From: a@b.test\r\nSubject: Lottery\r\n\r\nwin\r\n'
  const message = { headers: { ...headers, 'content-type': 'message/rfc822' }, raw }
  const refused = (await api('POST', '/v1/try?from=a@b.test&to=c@ours.test&remote=192.0.2.7', message)).json()
  assert.match(refused.reply, /^550 5\.7\.1 not that one/)
  assert.deepEqual([refused.outcome, refused.record.remote], ['refused', '192.0.2.7'])
  assert.ok(
    refused.sentence.some(({ name }: { name?: string }) => name === 'road'),
    JSON.stringify(refused.sentence),
  )
  const relayed = (await api('POST', '/v1/try?from=a@b.test&to=c@else.test', message)).json()
  assert.match(relayed.reply, /^55\d 5\.7\.1/)
  assert.equal(relayed.outcome, 'refused')
  const odd = await api('POST', '/v1/try?to=--json', message)
  assert.deepEqual([odd.status, /is not an address/.test(odd.json().detail)], [422, true], odd.text)

  // Mistakes are found before anybody is disturbed; what is well is in force in both when the answer comes.
  const file = path.join(operator.folder, config)
  await writeFile(file, configuration(smtp, web, '.use(road())'))
  const reload = async () => (await api('POST', '/v1/reload', { body: {} })).json()
  const bad = await reload()
  assert.deepEqual([bad.ok, bad.text], [false, 'The old configuration stays'])
  assert.match(bad.mistakes.join('\n'), /road/)
  await writeFile(file, (await readFile(file, 'utf8')).replace('.use(road())\n', '\n').replace('1.5', '2.5'))
  const good = await reload()
  assert.equal(good.ok, true, JSON.stringify(good))
  assert.deepEqual(
    good.outcomes.map(({ worker, state }: Record<string, unknown>) => [worker, state]),
    [
      [1, 'reloaded'],
      [2, 'reloaded'],
    ],
  )
  // Numbers of workers are good for a second.
  await until(async () =>
    (await get('/v1/status')).processes.every((one: { generation: number }) => one.generation === 2) ? true : undefined,
  )
  const { items, workers } = await get('/v1/logs?q=reloaded&limit=1000')
  assert.deepEqual(workers, { asked: 2, answered: 2 })
  assert.deepEqual(new Set(items.map(({ worker }: { worker: number }) => worker)), new Set([1, 2]))

  const { checks } = await get('/v1/doctor')
  const names = new Set(checks.map(({ id }: { id: string }) => id))
  assert.ok(names.has('resolver') && names.has('configuration'), [...names].join(' '))
  assert.ok(
    checks.some(({ state }: { state: string }) => state === 'fault'),
    'nobody answers DNS there',
  )

  server.kill('SIGTERM')
  await until(() => (server.exitCode === null ? undefined : true))
  assert.equal(server.exitCode, 0)
})
