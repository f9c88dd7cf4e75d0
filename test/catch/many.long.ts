/** 100,000 messages over SMTP: what they cost in memory, and how long a list and a search take. `node --conditions=@postroad/source test/catch/many.long.ts [COUNT]` */
import { deliverMany } from '../console/real-server.ts'
import { stage } from './stage.ts'

const COUNT = Number(process.argv[2] ?? 100_000)
const STEP = Math.max(1, Math.floor(COUNT / 10))
await using it = await stage({ bounds: { messages: COUNT, octets: 1e12 } })
const took = async (path: string): Promise<string> => {
  const began = performance.now()
  const answer = await it.ask(path)
  await answer.arrayBuffer()
  return `${path} ${(performance.now() - began).toFixed(0)} ms`
}
const began = performance.now()
for (let sent = 0; sent < COUNT; sent += STEP) {
  await deliverMany(it.smtp, STEP, (n) => `user${sent + n}@example.test`)
  globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  const seconds = (performance.now() - began) / 1_000
  console.log(
    `${sent + STEP} messages, ${((sent + STEP) / seconds).toFixed(0)} a second, rss ${(rss / 1e6).toFixed(0)} MB, heap ${(heapUsed / 1e6).toFixed(0)} MB`,
  )
}
for (const path of [
  'api/v1/messages',
  'api/v1/search?query=to:user777@',
  'api/v1/search?query=nothing',
  'api/v1/messages?start=50000',
])
  console.log(await took(path))
const { total, dropped } = it.running.collection.counts
if (total !== Math.ceil(COUNT / STEP) * STEP || dropped !== 0)
  throw new Error(`${total} are there, ${dropped} were dropped`)
