/** Makes clients of ioredis: one server, Sentinel or Cluster, with TLS and ACL users, and nothing that waits for ever. */
import type { ClientKind, RedisClient } from '@postroad/redis-link'
import { type RedisOptions as ClientOptions, Cluster, Redis } from 'ioredis'
import type { RedisOptions } from './options.ts'

/** Milliseconds between tries to connect: doubled each time, never more than two seconds. */
const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 2_000

/** A client that connects when it is told to. Errors are the caller's to hear: listen to `error`. */
export function createClient(options: RedisOptions, kind: ClientKind): RedisClient {
  const common = commonOptions(options, kind)
  const { cluster, sentinel, url } = options
  if (cluster)
    return new Cluster([...cluster], {
      redisOptions: common,
      lazyConnect: true,
      enableOfflineQueue: kind === 'blocking',
      clusterRetryStrategy: retryAfter,
      slotsRefreshTimeout: options.deadline,
    })
  if (!sentinel) return new Redis(url ?? 'redis://127.0.0.1:6379', common)
  const sentinelTls = tlsOf(sentinel.tls ?? options.tls)
  return new Redis({
    ...common,
    name: sentinel.name,
    sentinels: [...sentinel.nodes],
    sentinelRetryStrategy: retryAfter,
    // A Sentinel that takes questions and answers none: the next one is asked.
    sentinelCommandTimeout: options.deadline,
    // Without this word ioredis would go to the primary in the clear, whatever `tls` says.
    enableTLSForSentinelMode: common.tls !== undefined,
    ...(sentinelTls && { sentinelTLS: sentinelTls }),
    ...(sentinel.username !== undefined && { sentinelUsername: sentinel.username }),
    ...(sentinel.password !== undefined && { sentinelPassword: sentinel.password }),
    // A primary that was demoted answers READONLY: look for the new one instead of failing on.
    failoverDetector: true,
  })
}

function commonOptions(options: RedisOptions, kind: ClientKind): Omit<ClientOptions, 'replyMapping'> {
  const { username, password, deadline } = options
  const tls = tlsOf(options.tls)
  return {
    lazyConnect: true,
    connectTimeout: deadline,
    keepAlive: 10_000,
    noDelay: true,
    retryStrategy: retryAfter,
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    // What was sent and not answered may have been done: sending it again would count twice.
    autoResendUnfulfilledCommands: kind === 'blocking',
    enableOfflineQueue: kind === 'blocking',
    maxRetriesPerRequest: kind === 'blocking' ? null : 0,
    ...(kind === 'command' && { commandTimeout: deadline }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
  }
}

/** Milliseconds before the next try to connect; for ever, because a mail server outlives its database's maintenance. */
export function retryAfter(times: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(times - 1, 10), LAST_RETRY_MS)
}

function tlsOf(tls: RedisOptions['tls']): Record<string, string> | undefined {
  if (tls === undefined || tls === false) return undefined
  return Object.fromEntries(Object.entries(tls).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
}
