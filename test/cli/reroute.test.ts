/** `postroad queue reroute` as an operator runs it when a next hop has moved: beside a server that runs, with each queue. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { createSink } from '@postroad/testing'
import { startRedis } from '../cluster/redis.ts'
import { requires } from '../runner/requires.ts'
import { collect, EXPORT, freePort, Operator, send, until } from './operator.ts'

const skip = requires('redis-server')

/** Ports: mail for `dead.test` goes to one that its route names, that for `named.test` to one that the transport's options name. */
interface Hops {
  readonly route: number
  readonly transport: number
}

class World {
  readonly #operator: Operator
  readonly #port: number
  readonly #redis: string | undefined
  #server: ChildProcess | undefined
  #said = (): string => ''

  private constructor(operator: Operator, port: number, redis: string | undefined) {
    this.#operator = operator
    this.#port = port
    this.#redis = redis
  }

  /** A server whose next hops are all dead. */
  static async start(t: TestContext, redis?: string): Promise<World> {
    const world = new World(await Operator.begin(), await freePort(), redis)
    t.after(() => world.#end())
    await world.#configure({ route: await freePort(), transport: await freePort() })
    const server = world.#operator.spawn(['start', '--log', 'json'])
    const [out, err] = [collect(server.stdout), collect(server.stderr)]
    world.#server = server
    world.#said = () => `${out()}${err()}`
    await world.says(/Stop with Ctrl-C/)
    return world
  }

  async #configure({ route, transport }: Hops): Promise<void> {
    const options = `retry: [600_000], lmtp: { host: '127.0.0.1', port: ${transport} }`
    const kept = this.#redis
      ? `app.use(redis({ url: '${this.#redis}' })).use(redisQueue({ unsafe: 'warn', ${options} }), { as: 'queue' })`
      : `app.use(queue({ minFree: 0, ${options} }))`
    await this.#operator.config(
      'postroad.config.ts',
      `import { queue } from '@postroad/queue'
import { redis } from '@postroad/redis'
import { redisQueue } from '@postroad/redis-queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
${EXPORT} defineConfig({ hostname: 'mx.test', folder: 'kept', setup(app) {
  app.use(routing({ domains: { 'dead.test': { via: 'smtp', host: '127.0.0.1', port: ${route} }, 'named.test': { via: 'lmtp' } } }))
  ${kept}
  app.listen({ host: '127.0.0.1', port: ${this.#port} })
} })
`,
    )
  }

  async reload(hops: Hops): Promise<void> {
    await this.#configure(hops)
    this.#server?.kill('SIGHUP')
    await this.says(/"text":"reloaded"/)
  }

  /** Waits until the server has said it; one that has ended will say nothing more. */
  says(what: RegExp): Promise<RegExpExecArray> {
    return until(() => {
      const found = what.exec(this.#said())
      if (!found && this.#server?.exitCode !== null) assert.fail(`the server has ended: ${this.#said()}`)
      return found ?? undefined
    })
  }

  /** Hands in mail and waits until it was tried in vain; its id in the queue. */
  async send(to: string): Promise<string> {
    const [, id = ''] = /^250 .* queued as (\S+)$/.exec(await send(this.#port, to, to)) ?? []
    await this.says(new RegExp(`"text":"deferred".*"to":"${to}","attempt":1,`))
    return id
  }

  async queue(...args: readonly string[]) {
    const { code, out, err } = await this.#operator.run('queue', ...args, '--json')
    const rows: Record<string, unknown>[] = out
      .split('\n')
      .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
    return { code, rows, out: `${out}${err}` }
  }

  /** Who still waits, once there are so many. */
  waiting(count: number): Promise<readonly unknown[]> {
    return until(async () => {
      const { rows } = await this.queue('list')
      return rows.length === count ? rows.map(({ to }) => to) : undefined
    })
  }

  async #end(): Promise<void> {
    if (this.#server?.exitCode === null && this.#server.kill('SIGTERM')) await once(this.#server, 'exit')
    await this.#operator.end()
  }
}

async function nextHop(t: TestContext, protocol: 'smtp' | 'lmtp' = 'smtp') {
  const sink = await createSink({ protocol })
  t.after(() => sink.close())
  return {
    port: sink.port,
    taken: () => sink.transactions.map(({ recipients }) => recipients.join(' ').replaceAll(/[<>]/g, '')),
  }
}

/** The preview changes nothing; then what was chosen goes where it was sent, and the rest waits on. */
async function rerouted(t: TestContext, world: World): Promise<void> {
  const living = await nextHop(t)
  const id = await world.send('x@dead.test')
  await world.send('y@dead.test')
  const way = ['reroute', '--to', 'x@', '--via', `smtp:127.0.0.1:${living.port}`]
  const preview = await world.queue(...way, '--dry-run')
  assert.match(preview.out, /1 deliveries would go another way; nothing was changed/)
  assert.deepEqual(
    [preview.code, preview.rows.map((row) => [row['id'], row['to']])],
    [0, [[id, `smtp:127.0.0.1:${living.port}`]]],
  )
  assert.deepEqual(living.taken(), [])
  const done = await world.queue(...way)
  // Under the id that it had before the preview.
  assert.deepEqual([done.code, done.rows.map((row) => [row['id'], row['done']])], [0, [[id, 'rerouted']]])
  assert.deepEqual(await world.waiting(1), ['y@dead.test'])
  assert.deepEqual(living.taken(), ['x@dead.test'])
}

test('reroute --via beside a server: what waits for a dead next hop goes to a living one, once', async (t) => {
  await rerouted(t, await World.start(t))
})

test('reroute --via with a queue in Redis: the same', { skip }, async (t) => {
  const redis = await startRedis()
  t.after(() => redis[Symbol.asyncDispose]())
  await rerouted(t, await World.start(t, redis.url))
})

test('after a reload a new address of a transport reaches what is queued, a new host of a route only with --again', async (t) => {
  const [byRoute, byTransport] = [await nextHop(t), await nextHop(t, 'lmtp')]
  const world = await World.start(t)
  await world.send('x@dead.test')
  await world.send('y@named.test')
  await world.reload({ route: byRoute.port, transport: byTransport.port })
  assert.equal((await world.queue('retry', '--all')).code, 0)
  await world.says(/"text":"deferred".*"to":"x@dead\.test","attempt":2,/)
  await until(() => byTransport.taken()[0])
  assert.deepEqual(byRoute.taken(), [])
  assert.equal((await world.queue('reroute', '--all', '--again')).code, 0)
  assert.deepEqual(await world.waiting(0), [])
  assert.deepEqual([byRoute.taken(), byTransport.taken()], [['x@dead.test'], ['y@named.test']])
})
