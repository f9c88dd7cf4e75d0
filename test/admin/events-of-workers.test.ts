/** Several workers, and one page: whoever has its connection tells of all of them, each transaction once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startGateway } from '../console/gateway/gateway.ts'

const WORKERS = 3
const MAILS = 60

interface Told {
  readonly event: string
  readonly id: string
  readonly data: any
}

/** Reads the stream into the list until it is aborted. */
async function read(url: string, signal: AbortSignal, told: Told[]): Promise<void> {
  const answer = await fetch(url, { signal })
  let text = ''
  for await (const part of answer.body ?? []) {
    text += Buffer.from(part).toString()
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const of = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text.slice(0, end))?.[1]
      const data = of('data')
      if (data !== undefined) told.push({ event: of('event') ?? '', id: of('id') ?? '', data: JSON.parse(data) })
      text = text.slice(end + 2)
    }
  }
}

test(`mail of ${WORKERS} workers is told once to every reader, with ids of its own, and is what the search finds`, {
  timeout: 240_000,
}, async () => {
  await using gateway = await startGateway(WORKERS)
  const controller = new AbortController()
  // Connections go around: the readers are at several workers.
  const readers = Array.from({ length: 4 }, (): Told[] => [])
  const ends = readers.map((told) =>
    read(`${gateway.web}v1/events?only=open,end`, controller.signal, told).catch(() => undefined),
  )
  // Whoever follows the other workers says so by an event of each of them.
  const seen = (told: readonly Told[]) => new Set(told.filter(({ event }) => event === 'open').map(({ data }) => data.worker)) // biome-ignore format: short
  while (!readers.every((told) => seen(told).size === WORKERS)) await gateway.send({ to: ['nobody@example.org'] })
  const sent = Array.from({ length: MAILS }, (_, n) => `stranger${n}@client.example`)
  await Promise.all(
    Array.from({ length: 6 }, async (_, k) => {
      for (let n = k; n < MAILS; n += 6)
        assert.match(await gateway.send({ from: sent[n] ?? '', remote: `192.0.2.${n + 1}` }), /^(?:250|451) /)
    }),
  )
  const froms = (told: readonly Told[]) =>
    told.filter(({ event, data }) => event === 'end' && /^stranger/.test(data.row.from ?? '')).map(({ data }) => data.row.from) // biome-ignore format: short
  for (const told of readers) {
    while (froms(told).length < MAILS) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(froms(told).sort(), [...sent].sort(), 'each once')
    const ids = told.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length, 'ids tell events apart')
    assert.equal(seen(told).size, WORKERS)
    assert.ok(told.every(({ event }) => event !== 'skipped'))
  }
  controller.abort()
  await Promise.all(ends)
  const asked = `${gateway.web}v1/transactions?limit=100&q=${encodeURIComponent('alice@example.org client.example')}`
  for (let found = 0; found < MAILS; ) {
    const { items } = (await (await fetch(asked)).json()) as { readonly items: readonly { readonly from?: string }[] }
    const kept = items.filter(({ from }) => /^stranger/.test(from ?? ''))
    assert.equal(new Set(kept.map(({ from }) => from)).size, kept.length, 'kept once')
    found = kept.length
  }
})

test('a trace by one worker has the connections of all, both directions, each line once', {
  timeout: 240_000,
}, async () => {
  await using gateway = await startGateway(2)
  const controller = new AbortController()
  const told: Told[] = []
  const end = read(`${gateway.web}v1/trace`, controller.signal, told).catch(() => undefined)
  const processes = (): number => told.findLast(({ event }) => event === 'joined')?.data.processes ?? 0
  while (processes() < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  const lines = () => told.filter(({ event }) => event === 'line').map(({ data }) => data)
  // Connections go around: some come to each worker.
  while (new Set(lines().map(({ pid }) => pid)).size < 2) await gateway.send({ to: ['nobody@example.org'] })
  await gateway.send({ from: 'traced@client.example', to: ['nobody@example.org'] })
  const said = () => lines().filter(({ text }) => text.includes('<traced@client.example>'))
  while (said().length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  const [{ connection, pid }] = said()
  const own = () => lines().filter((line) => line.connection === connection && line.pid === pid)
  while (!own().some(({ text }) => text.startsWith('closed'))) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(own().filter(({ by, text }) => by === 'C' && text.startsWith('MAIL')).length, 1, 'once')
  assert.ok(
    own().some(({ by, text }) => by === 'S' && text.startsWith('550 ')),
    'what the server says',
  )
  assert.ok(
    own().some(({ by }) => by === 'hook'),
    'and its hooks',
  )
  controller.abort()
  await end
})
