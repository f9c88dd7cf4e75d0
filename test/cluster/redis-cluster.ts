/** A Redis Cluster of three primaries without replicas. */
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../interop/loopback.ts'
import { type RedisAccess, type RedisServer, type RedisSettings, startRedis } from './redis.ts'

const SLOTS = 16_384
const READY_LIMIT_MS = 15_000

/** The cluster, with the addresses of its nodes; disposing of it stops all of them. */
export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
}

/** Starts it; resolves when all slots are served. */
export async function startCluster(settings: RedisSettings = {}, access: RedisAccess = {}): Promise<RedisCluster> {
  const servers: RedisServer[] = []
  const common = {
    'cluster-enabled': 'yes',
    'cluster-node-timeout': '5000',
    ...(access.certificate && { 'tls-cluster': 'yes' }),
  }
  // By default that is its port and 10,000: one that the kernel gives to connections.
  const buses = (await freePorts(3)).map(String)
  try {
    for (const bus of buses) servers.push(await startRedis({ ...common, 'cluster-port': bus, ...settings }, access))
  } catch (error) {
    // Those that did start would keep the test from its end.
    for (const server of servers) await server[Symbol.asyncDispose]()
    throw error
  }
  const [first] = servers
  if (!first) throw new Error('no servers')
  const size = Math.ceil(SLOTS / servers.length)
  for (const [at, server] of servers.entries()) {
    await server.command('cluster', 'addslotsrange', `${at * size}`, `${Math.min(SLOTS, (at + 1) * size) - 1}`)
    if (server !== first) await server.command('cluster', 'meet', '127.0.0.1', `${first.port}`, buses[0] ?? '')
  }
  const end = performance.now() + READY_LIMIT_MS
  for (const server of servers)
    while (
      !String(await server.command('cluster', 'info')).includes('cluster_state:ok') ||
      !(await knows(server, servers.length))
    ) {
      if (performance.now() > end) throw new Error('the cluster does not come up')
      await sleep(100)
    }
  return {
    nodes: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]()
    },
  }
}

async function knows(server: RedisServer, count: number): Promise<boolean> {
  return String(await server.command('cluster', 'info')).includes(`cluster_known_nodes:${count}`)
}
