/**
 * What a look-up in a directory costs when the answer is in memory: half of the keys are there, half are known not to be, and there are as many as the
 * cache holds. A round of the scenario `lookup`: `lookup-cached.ts LOOKUPS` prints milliseconds of the processor a look-up.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openDirectory } from '../../packages/directory/src/index.ts'
import { fromOption } from '../../packages/directory/src/zod.ts'

const LOOKUPS = Number(process.argv[2] ?? 200_000)
const KEYS = 10_000
/** Asked for at the same time while the cache is filled. */
const AT_ONCE = 100

const service = createServer((request, response) => {
  response.statusCode = request.url?.endsWith('0') ? 404 : 200
  response.end('x')
}).listen(0, '127.0.0.1')
await once(service, 'listening')
const quiet = () => undefined
const directory = await openDirectory(
  fromOption().parse({
    http: { url: `http://127.0.0.1:${(service.address() as AddressInfo).port}/{key}` },
    cache: { found: '1 h', unknown: '1 h' },
    deadline: '60 s',
  }),
  {
    name: 'bench',
    clock: { now: Date.now, monotonic: () => performance.now(), sleep: () => new Promise(() => undefined) },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    resolve: (file) => file,
  },
)
const keys = Array.from({ length: KEYS }, (_, at) => `user-${at >> 1}@example.test${at % 2}`)
for (let at = 0; at < KEYS; at += AT_ONCE)
  await Promise.all(keys.slice(at, at + AT_ONCE).map((key) => directory.find(key)))

let waited = 0
function lookUp(times: number): void {
  for (let at = 0; at < times; at++) if (directory.find(keys[(at * 7) % KEYS] ?? '') instanceof Promise) waited++
}

// The first are for the compiler.
lookUp(LOOKUPS)
const before = process.cpuUsage()
lookUp(LOOKUPS)
const { user, system } = process.cpuUsage(before)
if (waited > 0) throw new Error(`${waited} look-ups were a promise`)
process.stdout.write(`${(user + system) / 1_000 / LOOKUPS}\n`)
process.exit()
