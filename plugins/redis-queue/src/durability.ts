/** Reads how a Redis is set up, and says in plain sentences what of acknowledged mail it may lose. */
import type { RedisLink } from '@postroad/redis-link'
import { Cluster, type Redis } from 'ioredis'

/** What was found. */
export interface Durability {
  /** Each a sentence for the operator; none: 250 may be said. */
  readonly dangers: readonly string[]
  /** The server can be asked to confirm its disk (`WAITAOF`, Redis 7.2), and must be. */
  readonly asksDisk: boolean
}

/** The settings that matter. */
export interface ServerFacts {
  readonly version: string
  readonly role: string
  readonly replicas: number
  readonly appendonly: string
  readonly appendfsync: string
  readonly policy: string
}

/** Looks at the server, or at all primaries of a cluster. Rejects when it cannot be reached. */
export async function inspect(link: RedisLink, replicas: number): Promise<Durability> {
  const client = link.connect('command')
  try {
    await client.connect()
    const nodes = client instanceof Cluster ? client.nodes('master') : [client]
    const found = await Promise.all(nodes.map(factsOf))
    const verdicts = found.map((facts) => judge(facts, replicas))
    const dangers = new Set(verdicts.flatMap((verdict) => verdict.dangers))
    if (link.isCluster && replicas > 0)
      dangers.add(
        'Redis Cluster cannot be asked for replicas: set replicas to 0, and min-replicas-to-write in its servers.',
      )
    return { dangers: [...dangers], asksDisk: !link.isCluster && verdicts.some(({ asksDisk }) => asksDisk) }
  } finally {
    client.disconnect()
  }
}

/** Judges what was found; `docs/durability.md` has the same as a table. */
export function judge(facts: ServerFacts, replicas: number): Durability {
  const { version, role, appendonly, appendfsync, policy } = facts
  const dangers: string[] = []
  if (role !== 'master') dangers.push('This Redis is a replica: mail must go to the primary.')
  if (policy !== 'noeviction')
    dangers.push(
      `Redis may throw out queued mail when its memory is full: set maxmemory-policy to noeviction (it is ${policy}).`,
    )
  if (facts.replicas < replicas)
    dangers.push(
      `${replicas} replicas must confirm each message and only ${facts.replicas} are connected: no mail could be taken.`,
    )
  if (appendonly !== 'yes') dangers.push('A crash of Redis would lose acknowledged mail: set appendonly to yes.')
  const asksDisk = appendonly === 'yes' && appendfsync === 'everysec' && isAtLeast(version, 7, 2)
  // A second machine has it: then both would have to fail within the same second.
  if (appendonly === 'yes' && appendfsync !== 'always' && !asksDisk && (replicas === 0 || appendfsync === 'no'))
    dangers.push(
      `A crash of Redis’s machine would lose the latest acknowledged mail: set appendfsync to always (it is ${appendfsync}).`,
    )
  return { dangers, asksDisk }
}

async function factsOf(node: Redis): Promise<ServerFacts> {
  const info = `${await node.info('server')}\n${await node.info('replication')}`
  const field = (name: string): string => new RegExp(`^${name}:([^\\r\\n]*)`, 'm').exec(info)?.[1] ?? ''
  const setting = async (name: string): Promise<string> =>
    String(flat(await node.call('config', 'get', name))[1] ?? 'unknown')
  return {
    version: field('redis_version'),
    role: field('role'),
    replicas: Number(field('connected_slaves')),
    appendonly: await setting('appendonly'),
    appendfsync: await setting('appendfsync'),
    policy: await setting('maxmemory-policy'),
  }
}

/** A list of names and values, or an object of them: as the protocol's version has it. */
function flat(reply: unknown): unknown[] {
  if (Array.isArray(reply)) return reply
  return reply instanceof Map ? [...reply].flat() : Object.entries(reply ?? {}).flat()
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number)
  return a > major || (a === major && b >= minor)
}
