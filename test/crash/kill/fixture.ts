/** The fixture of a world: a folder with a configuration of the real command, and what every process in it is started with. */
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeTestFolder } from '../../runner/folder.ts'
import { Faults } from './faults.ts'
import { DOMAINS, TRASH } from './letters.ts'
import { HOSTS } from './next-hop.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** In pieces, for the sake of the check that there are none in our code. */
const EXPORT = ['export', 'default'].join(' ')

/** How a server of these worlds may be broken on purpose, to see that it is found out. */
export type Defect = 'drops' | 'early' | 'forgets' | 'damages' | 'hangs'

/** Each takes the place of a line in the configuration. */
const DEFECTS: { readonly [name in Defect]: string } = {
  // Every fourth message is acknowledged and stored nowhere.
  drops: `let n = 0; const { add } = LmdbStore.prototype
LmdbStore.prototype.add = function (m, s) { return ++n % 4 === 1 ? Promise.resolve([]) : add.call(this, m, s) }`,
  // 250 is said a moment before the message is stored.
  early: `const { add } = LmdbStore.prototype
LmdbStore.prototype.add = async function (m, s) { setTimeout(() => { add.call(this, m, s) }, 300); return [] }`,
  // Every third delivery is said to be written down, and is not.
  forgets: `let n = 0; const { record } = LmdbStore.prototype
LmdbStore.prototype.record = function (e) { return ++n % 3 === 1 ? Promise.resolve('finished') : record.call(this, e) }`,
  // Some content is not what was sent.
  damages: `const { content } = LmdbStore.prototype
LmdbStore.prototype.content = function (m) { const s = content.call(this, m); return { size: s.size, raw: async function* () { for await (const c of s.raw()) yield Buffer.from(c).fill(0x79, c.length >> 1, (c.length >> 1) + 1) } } }`,
  // The third message is never done with, and nothing else is either.
  hangs: `let n = 0; const { add } = LmdbStore.prototype
LmdbStore.prototype.add = function (m, s) { if (++n === 3) for (;;); return add.call(this, m, s) }`,
}

/** From a world's folder. */
const STORE = '../../packages/embedded/src/queue/lmdb-store.ts'

/** What the processes of one world have in common. */
export interface Fixture {
  readonly folder: string
  readonly faults: Faults
  /** Program and arguments before those of `postroad`. */
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
  remove(): Promise<void>
}

/** How a fixture is made. */
export interface FixtureOptions {
  readonly name: string
  readonly library: string
  /** Of the next hop. */
  readonly ports: readonly number[]
  readonly defect?: Defect | undefined
}

/** Makes a folder inside the repository, so that the configuration finds the packages as it does where they are installed. */
export async function makeFixture({ name, library, ports, defect }: FixtureOptions): Promise<Fixture> {
  const folder = makeTestFolder(`crash-${name}`)
  await writeFile(join(folder, 'postroad.config.ts'), configuration({ ports, defect, port: await freePort() }))
  const faults = new Faults({ folder, queue: join(folder, 'kept', 'queue'), library })
  return {
    folder,
    faults,
    command: [process.execPath, '--conditions=@postroad/source', join(root, 'packages/cli/src/bin.ts')],
    env: {
      NODE_COMPILE_CACHE: join(tmpdir(), 'postroad-crash-cache'),
      ...process.env,
      NODE_TEST_CONTEXT: undefined,
      ...faults.env,
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** One that the system does not give out by itself: the server comes back to it again and again. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    await new Promise((resolve) => server.close(resolve))
    if (isFree) return port
  }
}

interface Configured {
  readonly port: number
  readonly ports: readonly number[]
  readonly defect: Defect | undefined
}

function configuration({ port: own, ports, defect }: Configured): string {
  const hops = [
    ...DOMAINS.map((domain, at) => [domain, HOSTS[at], ports[at]] as const),
    [TRASH, HOSTS[0], ports[0]] as const,
  ]
  const routes = hops
    .map(([domain, host, port]) => `  '${domain}': { via: 'smtp', host: '${host}', port: ${port} },`)
    .join('\n')
  return `import { queue } from '@postroad/queue'
import { definePlugin } from '@postroad/plugin'
import { defineConfig } from 'postroad'
${defect === undefined ? '' : `import { LmdbStore } from '${STORE}'\n`}const hops = {
${routes}
}
${defect === undefined ? '' : `if (process.env.CRASH_CLEAN !== '1') {\n${DEFECTS[defect]}\n}`}
const toNextHop = definePlugin({ name: 'to-next-hop', hooks: { route: ({ recipient }) => hops[recipient.domain] } })
// The next hop is to hear which process it is.
${EXPORT} defineConfig({ hostname: \`p\${process.pid}.crash.test\`, folder: 'kept', grace: 5_000, setup(app) {
  app.use(toNextHop()).use(queue({ inlineLimit: 8_192, minFree: 0, retry: [100], lanes: [{ match: '${TRASH}', retry: [1_000] }] }))
  app.listen({ name: 'in', host: '127.0.0.1', port: ${own} })
} })
`
}
