/** A thousand mixed messages through a gateway with all policy plugins: nothing crashes, nothing is lost, each has one final line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CommandIo } from '@postroad/plugin'
import { createTestServer, memorySpool, sessionOn, type TestServer } from '@postroad/testing'
import { gateway, type Letter, letter, services, THRESHOLDS } from './gateway.ts'

const COUNT = 1_000
/** Attempts of a client, and the time between them: longer than a greylist's delay. */
const ATTEMPTS = 3
const PAUSE = 600_000

/** What the client heard last: 2yz, 4yz, 5yz. */
type Fate = 'taken' | 'deferred' | 'refused'

test(`${COUNT} mixed messages: what is answered 250 is delivered or quarantined, once; what is not is neither`, async () => {
  const spool = memorySpool()
  const server = await createTestServer(gateway(), {
    services: services(spool),
    config: { thresholds: THRESHOLDS, refuseAt: 'rcpt' },
  })
  const fates = new Map<number, Fate>()
  let transactions = 0
  for (let index = 0; index < COUNT; index++) {
    const sent = letter(index)
    for (let attempt = 0; attempt < ATTEMPTS && (fates.get(index) ?? 'deferred') === 'deferred'; attempt++) {
      if (attempt > 0) await server.clock.advance(PAUSE)
      const { fate, began } = await send(server, sent)
      fates.set(index, fate)
      if (began) transactions++
    }
  }
  const delivered = server.delivered
    .filter(({ quarantined }) => quarantined === undefined)
    .map(({ bytes }) => indexOf(bytes))
  const held: number[] = []
  for await (const id of spool.list()) held.push(indexOf(await octets((await spool.get(id))?.message.raw())))
  const taken = [...fates].filter(([, fate]) => fate === 'taken').map(([index]) => index)
  assert.deepEqual([...new Set([...delivered, ...held])].sort(ascending), taken.sort(ascending))
  assert.equal(delivered.length, new Set(delivered).size, 'nothing twice')
  for (const fate of ['taken', 'refused'] as const)
    assert.ok([...fates.values()].filter((each) => each === fate).length > 50, `enough are ${fate}`)
  assert.ok(held.length > 5, `${held.length} are quarantined`)

  server.server.log.flush()
  const lines = server.lines.filter((line) => line['event'] === 'transaction')
  assert.equal(lines.length, transactions, 'one final line a transaction')
  assert.deepEqual(
    server.lines.filter((line) => line['level'] === 'error'),
    [],
  )
  const accepted = lines.find(
    (line) => Number((line['reply'] as { code?: number })?.code ?? String(line['reply']).slice(0, 3)) === 250,
  )
  assert.ok(accepted && JSON.stringify(accepted['plugins']).includes('greylist'), 'the time of each plugin is in it')
  assert.ok(
    lines.some((line) => JSON.stringify(line['opinions'] ?? '').includes('on-trial')),
    'shadowed opinions are in it',
  )
  await checkQuarantine(server, held.length)
  await server.close()
})

/** What the commands say of it. */
async function checkQuarantine(server: TestServer, expected: number): Promise<void> {
  const rows: unknown[] = []
  const io: CommandIo = {
    json: true,
    row: (fields) => rows.push(fields),
    print: () => undefined,
    signal: new AbortController().signal,
  }
  await server.server.commands.get('quarantine')?.['list']?.run([], io)
  assert.equal(rows.length, expected)
}

/** One attempt, as a mail server makes it: it gives up when all recipients are refused. */
async function send(
  server: TestServer,
  { client, helo, from, to, bytes }: Letter,
): Promise<{ readonly fate: Fate; readonly began: boolean }> {
  const steps = sessionOn(server).from(client).helo(helo).mail(from)
  const begun = await steps
  if ((begun.reply?.code ?? 0) >= 400) return { fate: fateOf(begun.reply?.code), began: false }
  const codes: number[] = []
  for (const recipient of to) codes.push((await steps.rcpt(recipient)).reply?.code ?? 0)
  if (!codes.some((code) => code < 300)) {
    await steps.quit()
    return { fate: codes.some((code) => code < 500) ? 'deferred' : 'refused', began: true }
  }
  const { reply } = await steps.data(bytes)
  await steps.quit()
  return { fate: fateOf(reply?.code), began: true }
}

function fateOf(code = 0): Fate {
  return code < 300 ? 'taken' : code < 500 ? 'deferred' : 'refused'
}

function indexOf(bytes: Uint8Array): number {
  return Number(/^X-Letter: (\d+)\r$/m.exec(Buffer.from(bytes).toString('latin1'))?.[1])
}

async function octets(chunks: AsyncIterable<Uint8Array> = (async function* () {})()): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

function ascending(a: number, b: number): number {
  return a - b
}
