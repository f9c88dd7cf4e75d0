/** The stream of events: what happens is seen while it happens, by who wants it, and what was missed is told to who comes again. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import type { ApiEvent } from '@postroad/admin-api'
import { events } from '@postroad/admin-api/zod'
import { definePlugin } from '@postroad/plugin'
import { type Rig, start, TOKENS } from './server.ts'

interface Told {
  readonly event: string
  readonly id: string | undefined
  readonly data: any
}

/** Reads events until `isEnough`. */
function watch(
  context: TestContext,
  rig: Rig,
  url: string,
  headers: Record<string, string> = {},
  role: keyof typeof TOKENS = 'read',
) {
  const told: Told[] = []
  let wake = (): void => {}
  let opened = (): void => {}
  const isOpen = new Promise<void>((resolve) => {
    opened = resolve
  })
  const sent = request(
    {
      host: '127.0.0.1',
      port: rig.port,
      path: url,
      agent: false,
      headers: { authorization: `Bearer ${TOKENS[role].secret}`, ...headers },
    },
    (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part
        opened()
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const lines = text.slice(0, end).split('\n')
          text = text.slice(end + 2)
          const of = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
          const data = of('data')
          if (data !== undefined) told.push({ event: of('event') ?? '', id: of('id'), data: JSON.parse(data) })
        }
        wake()
      })
      answer.on('error', () => {})
    },
  )
  sent.on('error', () => {})
  sent.end()
  context.after(() => void sent.destroy())
  return {
    told,
    isOpen,
    async until(isEnough: (told: readonly Told[]) => boolean): Promise<void> {
      while (!isEnough(told))
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    },
    close: () => void sent.destroy(),
  }
}

const ends = (told: readonly Told[]) =>
  told.filter(({ event }) => event === 'end').map(({ data }) => data as ApiEvent<'end'>)

test('a transaction is seen from its connection to its end, as the schemas say', {
  timeout: 60_000,
}, async (context) => {
  const rig = await start(context)
  const viewer = watch(context, rig, '/v1/events')
  await viewer.isOpen
  await rig.send('Hello')
  await viewer.until((told) => ends(told).length > 0 && told.some(({ event }) => event === 'status'))
  const names = new Set(viewer.told.map(({ event }) => event))
  assert.deepEqual(
    ['open', 'hook', 'end', 'status'].filter((name) => !names.has(name)),
    [],
  )
  for (const { event, data } of viewer.told) {
    const parsed = events[event as keyof typeof events].safeParse(data)
    assert.ok(parsed.success, `${event}: ${parsed.error?.message}`)
  }
  const [{ row }] = ends(viewer.told) as [ApiEvent<'end'>]
  assert.deepEqual([row.subject, row.from, row.outcome], ['Hello', 'ann@example.test', 'accepted'])
})

test('a viewer sees what fits his filter, and who comes again is told what he has missed', {
  timeout: 60_000,
}, async (context) => {
  const rig = await start(context)
  const viewer = watch(context, rig, '/v1/events?only=end&filter=spam')
  await viewer.isOpen
  await rig.send('Hello')
  await rig.send('Spam one')
  await viewer.until((told) => ends(told).length > 0)
  assert.deepEqual(
    ends(viewer.told).map(({ row }) => row.subject),
    ['Spam one'],
  )
  const last = viewer.told.at(-1)?.id ?? ''
  viewer.close()
  await rig.send('Spam two')
  const again = watch(context, rig, '/v1/events?only=end&filter=spam', { 'last-event-id': last })
  await again.until((told) => ends(told).length > 0)
  assert.deepEqual(
    ends(again.told).map(({ row }) => row.subject),
    ['Spam two'],
  )
})

test('an end of a job is told', { timeout: 60_000 }, async (context) => {
  const rig = await start(context)
  await rig.send('Hello')
  const viewer = watch(context, rig, '/v1/events?only=job')
  await viewer.isOpen
  const { token } = (
    await rig.ask('POST', '/v1/queue/actions', {
      token: 'operate',
      body: { action: 'hold', filter: { all: true }, dryRun: true },
    })
  ).json()
  await rig.ask('POST', '/v1/queue/actions', {
    token: 'operate',
    body: { action: 'hold', filter: { all: true }, token },
  })
  await viewer.until((told) => told.some(({ data }) => data.state === 'done'))
  assert.deepEqual(viewer.told.map(({ data }) => data.changed).at(-1), 1)
})

test('what begins has an end: that a way for a notification is looked for is no transaction', {
  timeout: 60_000,
}, async (context) => {
  const rig = await start(context)
  await rig.send('Hello')
  const viewer = watch(context, rig, '/v1/events')
  await viewer.isOpen
  const act = async (order: object) =>
    (
      await rig.ask('POST', '/v1/queue/actions', {
        token: 'operate',
        body: { action: 'bounce', filter: { all: true }, ...order },
      })
    ).json()
  const { token } = await act({ dryRun: true })
  await act({ token })
  await viewer.until((told) => told.some(({ event, data }) => event === 'job' && data.state === 'done'))
  // The notification to the sender is in the queue: its route has been asked for.
  for (;;) {
    const { items } = (await rig.ask('GET', '/v1/queue/messages', { token: 'operate' })).json()
    if (items.some(({ from }: { readonly from: string }) => from === '')) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await rig.send('The last one')
  await viewer.until((told) => ends(told).length > 0)
  const known = new Set(ends(viewer.told).map(({ row }) => row.id))
  const begun = viewer.told.filter(({ event }) => event === 'hook').map(({ data }) => data.id as string)
  assert.ok(begun.length > 0)
  assert.deepEqual(
    begun.filter((id) => !known.has(id)),
    [],
  )
})

test('what a plugin has thrown is told to those who operate, and to no one who only reads', {
  timeout: 60_000,
}, async (context) => {
  const broken = definePlugin({
    name: 'broken',
    hooks: {
      message() {
        throw new Error('no such file: /srv/secret')
      },
    },
  })
  const rig = await start(context, {}, {}, { more: (app) => void app.use(broken(), { onError: 'pass' }) })
  const reader = watch(context, rig, '/v1/events')
  const operator = watch(context, rig, '/v1/events', {}, 'operate')
  await Promise.all([reader.isOpen, operator.isOpen])
  await rig.send('Hello')
  for (const viewer of [reader, operator]) await viewer.until((told) => ends(told).length > 0)
  const before = { 'last-event-id': '1-0-0' }
  const again = {
    reader: watch(context, rig, '/v1/events?only=end', before),
    operator: watch(context, rig, '/v1/events?only=end', before, 'operate'),
  }
  await again.reader.until((told) => ends(told).length > 0)
  await again.operator.until((told) => ends(told).length > 0)
  const isIn = (told: unknown) => JSON.stringify(told).includes('/srv/secret')
  assert.deepEqual([isIn(ends(operator.told)), isIn(ends(again.operator.told))], [true, true])
  assert.deepEqual([isIn(reader.told), isIn(again.reader.told)], [false, false])
  const opinions = (told: readonly Told[]) => ends(told)[0]?.record.opinions?.map(({ plugin, kind }) => [plugin, kind])
  assert.deepEqual(opinions(reader.told), opinions(operator.told))
  assert.equal(ends(reader.told).length, 1)
  const id = ends(reader.told)[0]?.row.id
  for (const url of [
    '/v1/transactions?full=1',
    `/v1/transactions/${id}`,
    `/v1/stories/${id}`,
    '/v1/plugins?span=1h',
    '/v1/summary?span=1h',
  ])
    assert.deepEqual(
      [
        isIn((await rig.ask('GET', url, { token: 'read' })).text),
        (await rig.ask('GET', url, { token: 'operate' })).status,
      ],
      [false, 200],
      url,
    )
})
