/** Redis: a text, a hash or a set at a key. A connection of its own, which fails rather than waits. */
import { type DirectoryEntry, entryOf, valueEntry } from '../entry.ts'
import type { RedisFrom } from '../from.ts'
import type { DirectorySource, SourceDeps } from '../source.ts'
import { filled } from '../template.ts'
import { tlsOf } from '../tls.ts'

const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 2_000

/** @throws {Error} when ioredis is not there, or a certificate cannot be read */
export async function openRedis(options: RedisFrom, deps: SourceDeps): Promise<DirectorySource> {
  const { Redis } = await import('ioredis')
  const { url, password, key: template, type, tls } = options
  const isSecure = url.startsWith('rediss:') || tls !== undefined
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: deps.deadline,
    commandTimeout: deps.deadline,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(FIRST_RETRY_MS * 2 ** Math.min(times, 10), LAST_RETRY_MS),
    ...(password !== undefined && { password }),
    ...(isSecure && { tls: { ...(await tlsOf(tls, deps)) } }),
  })
  let last: Error | undefined
  client.on('error', (error: Error) => {
    last = error
  })
  const ready = async (): Promise<void> => {
    if (client.status === 'wait' || client.status === 'end') await client.connect()
    else if (client.status !== 'ready') await becomesReady(client, () => last)
  }
  return {
    name: `redis ${new URL(url).host}`,
    async find(key) {
      await ready()
      const place = filled(template, key, (part) => part)
      if (type === 'string') return textEntry(await client.get(place))
      if (type === 'hash') return hashEntry(await client.hgetall(place))
      const members = await client.smembers(place)
      return members.length === 0 ? undefined : valueEntry(members)
    },
    close: () => client.disconnect(),
  }
}

interface Events {
  once(event: 'ready' | 'error' | 'close', listener: () => void): unknown
  off(event: 'ready' | 'error' | 'close', listener: () => void): unknown
}

/** While it connects again a question waits for how that goes, once. */
function becomesReady(client: Events, last: () => Error | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => (): void => {
      client.off('ready', onReady)
      client.off('close', onClose)
      settle()
    }
    const onReady = end(resolve)
    const onClose = end(() => reject(last() ?? new Error('there is no connection')))
    client.once('ready', onReady)
    client.once('close', onClose)
  })
}

function textEntry(text: string | null): DirectoryEntry | undefined {
  return text === null ? undefined : valueEntry([text])
}

function hashEntry(hash: Readonly<Record<string, string>>): DirectoryEntry | undefined {
  const fields = Object.entries(hash)
  return fields.length === 0 ? undefined : entryOf(fields.map(([name, value]) => [name, [value]]))
}
