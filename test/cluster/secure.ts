/** Redis as it is run where others have a network too: TLS and nothing else, no default user, each program a user with the rights it needs. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestCertificate } from './certificate.ts'
import { DURABLE, type RedisAccess, type RedisSettings, startRedis } from './redis.ts'
import { startCluster } from './redis-cluster.ts'

/** What the user of the nodes may do: the rules of `plugins/redis/README.md`, word for word. */
export const RULES =
  'resetchannels ~postroad:* ~{postroad:queue:* nocommands +@read +@write +@connection +@scripting -@dangerous +time +info +role +config|get +cluster|slots +cluster|info'

/** What they may do on a Sentinel; from the same page. */
export const SENTINEL_RULES =
  'resetchannels &+switch-master nocommands +auth +sentinel|get-master-addr-by-name +sentinel|sentinels +subscribe'

/** Servers, and what a node is told of them. */
export interface SecureRedis extends AsyncDisposable {
  readonly options: object
}

const PASSWORDS = { node: 'node-secret', sentinel: 'sentinel-secret', root: 'root-secret', replica: 'replica-secret' }

const USERS: RedisSettings = {
  'user#1': `default off`,
  'user#2': `root on >${PASSWORDS.root} allkeys allchannels allcommands`,
  'user#3': `postroad on >${PASSWORDS.node} ${RULES}`,
  'user#4': `replica on >${PASSWORDS.replica} nocommands +psync +replconf +ping`,
  // As Redis's own page on Sentinel has it.
  'user#5': `sentinel on >${PASSWORDS.sentinel} allchannels nocommands +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill`,
}

function access(certificate: TestCertificate): RedisAccess {
  return { certificate, username: 'root', password: PASSWORDS.root }
}

function nodeOptions({ ca }: TestCertificate): object {
  return { username: 'postroad', password: PASSWORDS.node, tls: { ca } }
}

/** One server. */
export async function startSecure(certificate: TestCertificate): Promise<SecureRedis> {
  const server = await startRedis({ ...DURABLE, ...USERS }, access(certificate))
  return {
    options: { url: server.url, ...nodeOptions(certificate) },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** A Cluster. */
export async function startSecureCluster(certificate: TestCertificate): Promise<SecureRedis> {
  const cluster = await startCluster({ ...DURABLE, ...USERS }, access(certificate))
  return {
    options: { cluster: cluster.nodes, ...nodeOptions(certificate) },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

/** A primary, a replica, and a Sentinel that has a password of its own. */
export async function startSecureSentinel(certificate: TestCertificate): Promise<SecureRedis> {
  const replication = { masteruser: 'replica', masterauth: PASSWORDS.replica }
  const primary = await startRedis({ ...DURABLE, ...USERS, ...replication }, access(certificate))
  const replicaof = `127.0.0.1 ${primary.port}`
  const replica = await startRedis(
    { ...DURABLE, ...USERS, ...replication, replicaof, 'repl-diskless-sync-delay': '0' },
    access(certificate),
  )
  const sentinel = await startRedis(
    {
      'user#1': 'default off',
      'user#2': `root on >${PASSWORDS.root} allkeys allchannels allcommands`,
      'user#3': `postroad on >${PASSWORDS.sentinel} ${SENTINEL_RULES}`,
      'sentinel#1': `monitor mail 127.0.0.1 ${primary.port} 1`,
      'sentinel#2': `auth-user mail sentinel`,
      'sentinel#3': `auth-pass mail ${PASSWORDS.sentinel}`,
      'sentinel#4': 'down-after-milliseconds mail 2000',
    },
    access(certificate),
  )
  while (!String(await primary.command('info', 'replication')).includes('state=online')) await sleep(50)
  return {
    options: {
      sentinel: {
        name: 'mail',
        nodes: [{ host: '127.0.0.1', port: sentinel.port }],
        username: 'postroad',
        password: PASSWORDS.sentinel,
      },
      ...nodeOptions(certificate),
    },
    async [Symbol.asyncDispose]() {
      for (const server of [sentinel, replica, primary]) await server[Symbol.asyncDispose]()
    },
  }
}
