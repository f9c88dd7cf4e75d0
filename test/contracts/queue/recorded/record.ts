/**
 * Writes the recorded queue beside this file with the code of another commit, so that `../recorded.test.ts` can show that what a queue
 * was before is delivered today. The README says how to run it.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath } from '../../../runner/program.ts'

const [worktree = '', store = 'packages/queue/src/embedded/lmdb-store.ts'] = process.argv.slice(2)
const version = execFileSync(programPath('git'), ['-C', worktree, 'rev-parse', '--short=7', 'HEAD'], {
  encoding: 'utf8',
}).trim()
const out = join(import.meta.dirname, version)
const load = (path: string) => import(resolve(worktree, path))

// As the other commit has them: types of today would promise too much.
const { openLmdbStore } = await load(store)
const { makeBench } = await load('test/contracts/queue/engine-bench.ts')
const { address, makeMessage, at } = await load('packages/testing/src/contract/queue-fixture.ts')
const lmdb = createRequire(join(resolve(worktree), store))('lmdb')

/** Longer than what stands in the database: a file of its own. */
const LARGE = 70_000

/** What is queued, by name; the domain of a recipient says what becomes of it. */
const MESSAGES = [
  { name: 'deferred', to: [['rcpt', 'later.test']] },
  { name: 'large', to: [['rcpt', 'large.test']], size: LARGE },
  {
    name: 'foreign',
    to: [
      ['jörg', 'later.test'],
      ['a b', 'later.test'],
    ],
  }, // UTF-8, and a quoted local part
  {
    name: 'mixed',
    to: [
      ['takes', 'mixed.test'],
      ['waits', 'mixed.test'],
    ],
  },
  { name: 'parted', deliveries: 2, to: [['rcpt', 'parted.test']] },
  { name: 'waiting', to: [['rcpt', 'waits.test']] },
  { name: 'held', to: [['rcpt', 'held.test']] },
  { name: 'claimed', to: [['rcpt', 'inflight.test']] },
  { name: 'claimed-large', to: [['rcpt', 'inflight.test']], size: LARGE },
  { name: 'finished', to: [['rcpt', 'done.test']] },
  { name: 'returned', to: [['rcpt', 'gone.test']] },
  { name: 'unreturned', from: 'nobody.test', to: [['rcpt', 'gone.test']] },
  { name: 'set-aside', to: [['rcpt', 'damaged.test']] },
  { name: 'damaged', to: [['rcpt', 'damaged.test']] },
] as const

const folder = await mkdtemp(join(tmpdir(), 'postroad-recorded-'))
const live = join(folder, 'live')
const copy = join(folder, 'copy')
const ids = new Map<string, string>()
const expected = new Map<string, object>()

const bench = makeBench(answer, { store: await openLmdbStore({ folder: live, minFreeBytes: 0 }) })
await bench.store.suspend({ target: 'waits.test', since: at(0), reason: 'recorded' })
bench.engine.start()
await pass(5_000)
for (const each of MESSAGES) await send(each)
await pass(30_000)
await bench.store.operate(ids.get('held'), { kind: 'hold', reason: 'operator' }, bench.time.now())
await pass(1_000)

// As a process that is killed leaves it: nothing is closed, nothing given back.
await cp(live, copy, { recursive: true })
await edit(copy, async (table) => {
  for (const name of ['set-aside', 'damaged']) {
    const octets = Buffer.from(table('messages').get(ids.get(name)))
    octets[octets.length - 1] = (octets.at(-1) ?? 0) ^ 1
    await table('messages').put(ids.get(name), octets)
  }
  // Nothing of the machine that wrote it: a process of another name space, of which only its beat can tell.
  const row = { pid: 4242, start: '1', boot: 'recorded', space: 'pid:[1]', beat: at(0), turn: 1 }
  for (const name of [...table('owners').getKeys()]) await table('owners').put(name, Buffer.from(JSON.stringify(row)))
})
const reader = await openLmdbStore({ folder: copy, minFreeBytes: 0 })
await reader.claimOne(ids.get('set-aside'), 0)
const { unreturned = 0 } = await reader.stats()
await reader.close()

await rm(out, { recursive: true, force: true })
await mkdir(join(out, 'queue'), { recursive: true })
await edit(copy, async (_, root) => root.backup(join(out, 'queue'), true))
await cp(join(copy, 'bodies'), join(out, 'queue', 'bodies'), { recursive: true })
const messages = [...ids].map(([name, id]) => ({ name, id, ...expected.get(name) }))
await writeFile(
  join(out, 'expected.json'),
  `${JSON.stringify({ wroteAt: bench.time.now(), unreturned, messages }, undefined, 2)}\n`,
)
console.log(await readdir(out, { recursive: true }))
await rm(folder, { recursive: true })
process.exit(0)

interface Sent {
  readonly name: string
  readonly from?: string
  readonly to: readonly (readonly [local: string, domain: string])[]
  readonly deliveries?: number
  readonly size?: number
}

async function send({ name, from = 'example.org', to, deliveries = 1, size = 0 }: Sent): Promise<void> {
  const text = `From: <sender@${from}>\r\nSubject: ${name}\r\n\r\n.a line with a dot\r\nGrüße\r\n`
  const octets = Buffer.from(
    text +
      'x'
        .repeat(58)
        .concat('\r\n')
        .repeat(Math.ceil(size / 60)),
  )
  const lane = `smtp:${to[0]?.[1]}`
  const message = {
    ...makeMessage({ size: octets.length, deliveries, recipients: to, ...(deliveries === 1 && { lane }) }),
    from: address('sender', from),
    queuedAt: bench.time.now(),
  }
  ids.set(name, message.id)
  expected.set(name, { octets: octets.length, sha256: createHash('sha256').update(octets).digest('hex') })
  const raw = async function* () {
    yield octets
  }
  await bench.engine.accept(message, { size: octets.length, raw, chunks: () => [octets] })
}

/** What the next hops say. */
function answer(
  job: { route: { host?: string }; from?: object; recipients: { address: { local: string; domain: string } }[] },
  count: number,
) {
  const [
    {
      address: { domain },
    } = { address: { domain: '' } },
  ] = job.recipients
  const later = { code: 451, status: '4.3.0', text: 'Come again' }
  const gone = { code: 550, status: '5.1.1', text: 'No such user' }
  if (domain === 'inflight.test') return new Promise(() => {})
  if (domain === 'done.test') return { code: 250, status: '2.0.0', text: 'OK' }
  if (domain === 'gone.test' || domain === 'nobody.test') return gone
  if (domain === 'parted.test' && count % 2 === 0) return { code: 250, text: 'OK' }
  if (domain === 'mixed.test')
    return job.recipients.map((each) => ({ reply: each.address.local === 'takes' ? { code: 250, text: 'OK' } : later }))
  return later
}

/** Time passes for the engine, and really for the disk. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    await bench.time.pass(Math.min(left, 250))
    await sleep(20)
  }
}

/** A closed queue below its code. */
async function edit(
  path: string,
  work: (table: (name: string) => Table, root: Root) => Promise<unknown>,
): Promise<void> {
  const root: Root = lmdb.open({ path, encoding: 'binary', maxDbs: 16, overlappingSync: false })
  await work((name) => root.openDB(name, { encoding: 'binary' }), root)
  await root.close()
}

interface Table {
  get(key: unknown): Buffer
  put(key: unknown, value: Buffer): Promise<unknown>
  getKeys(): Iterable<unknown>
}

interface Root {
  openDB(name: string, options: object): Table
  backup(path: string, isCompact: boolean): Promise<unknown>
  close(): Promise<void>
}
