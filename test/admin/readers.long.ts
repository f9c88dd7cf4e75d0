/** `npm run console:test -- readers`. Ten thousand readers of events that never read: what one costs, and what is left of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureReaders } from './readers.ts'

const MB = 1_048_576
const READERS = Number(process.env['POSTROAD_READERS'] ?? 10_000)

test(`${READERS} readers of events that do not read`, { timeout: 900_000 }, async (context) => {
  const figures = await measureReaders(context, { readers: READERS, rounds: 8, messages: 50 })
  const { without, first, rounds, opened } = figures
  const last = rounds.at(-1) ?? first
  const cpus = rounds.map(({ cpu }) => cpu).sort((one, other) => one - other)
  context.diagnostic(
    `opened in ${(opened / 1_000).toFixed(1)} s; ${Math.round((first.rss - without.rss) / READERS / 1_024)} KB of memory each, ` +
      `${Math.round((first.heap - without.heap) / READERS / 1_024)} KB of it heap; ${Math.round((last.rss - first.rss) / MB)} MB more after ` +
      `${rounds.length * 50} messages; CPU a message ${without.cpu.toFixed(1)} ms without, ${cpus.map((cpu) => cpu.toFixed(1)).join(' ')} with them`,
  )
  assert.ok((first.rss - without.rss) / READERS < 100_000, 'less than 100 KB each')
  assert.ok(last.rss - first.rss < 100 * MB, `${Math.round((last.rss - first.rss) / MB)} MB more`)
  assert.ok((cpus[cpus.length >> 1] ?? 0) < 4 * without.cpu + 10, 'mail goes on')
  await figures.leave()
  // What they were is garbage as soon as the system says that they are gone.
  for (let round = 0; ; round++) {
    const { heap } = await figures.send(10)
    if ((heap - without.heap) / READERS < 3_000) break
    assert.ok(round < 60, `${Math.round((heap - without.heap) / MB)} MB are left of them`)
  }
})
