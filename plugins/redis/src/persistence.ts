/** For `postroad doctor`: does this Redis keep over a restart what was written to it? */
import type { HealthCheck, HealthFinding } from '@postroad/plugin'
import type { RedisLink } from '@postroad/redis-link'

/** What is kept there: counters can be learnt again, greylists and the queue cannot. */
export function persistence(link: Pick<RedisLink, 'send'>): HealthCheck {
  return {
    name: 'redis',
    summary: 'Redis answers, and keeps over a restart what was written (appendonly, appendfsync).',
    async run(signal) {
      const subject = 'Redis'
      const info = await settings(link, signal)
      if (info instanceof Error)
        return [
          {
            state: 'fault',
            subject,
            evidence: `no answer: ${info.message}`,
            fix: 'Start it, and look at url and password.',
          },
        ]
      return judge(subject, info)
    },
  }
}

/** Of `INFO`, which also those may ask to whom CONFIG is forbidden, and of CONFIG where it may be asked. */
async function settings(
  link: Pick<RedisLink, 'send'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | Error> {
  const found = new Map<string, string>()
  try {
    const info = String(await link.send('info', ['persistence'], { signal }))
    for (const [, key = '', value = ''] of info.matchAll(/^(\w+):(.*?)\r?$/gm)) found.set(key, value)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
  for (const key of ['appendfsync', 'maxmemory', 'maxmemory-policy']) {
    const answer = await link.send('config', ['get', key], { signal }).catch(() => undefined) // forbidden by some who rent it out
    if (Array.isArray(answer) && typeof answer[1] === 'string') found.set(key, answer[1])
  }
  return found
}

function judge(subject: string, info: ReadonlyMap<string, string>): readonly HealthFinding[] {
  const said: HealthFinding[] = []
  const fault = (evidence: string, fix: string): void => void said.push({ state: 'fault', subject, evidence, fix })
  const remark = (evidence: string, fix: string): void => void said.push({ state: 'remark', subject, evidence, fix })
  if (info.get('aof_enabled') === '0')
    fault(
      'appendonly is off: a crash loses what was written since the last snapshot',
      'CONFIG SET appendonly yes, and in redis.conf.',
    )
  const sync = info.get('appendfsync')
  if (info.get('aof_enabled') === '1' && sync === 'no')
    fault(
      'appendfsync is no: a power cut loses up to 30 s',
      'CONFIG SET appendfsync everysec, or always where a queue is kept.',
    )
  if (info.get('aof_enabled') === '1' && sync === 'everysec')
    remark(
      'appendfsync is everysec: a power cut loses up to 1 s, mail of redis-queue too',
      'CONFIG SET appendfsync always, where a queue is kept.',
    )
  if (info.get('aof_last_write_status') === 'err')
    fault('the last write of the append-only file failed', 'Look at its log and its disk.')
  if (info.get('rdb_last_bgsave_status') === 'err') remark('the last snapshot failed', 'Look at its log and its disk.')
  const policy = info.get('maxmemory-policy')
  // Without a limit nothing is ever forgotten, whatever the policy.
  const isLimited = info.get('maxmemory') !== '0'
  if (policy !== undefined && policy !== 'noeviction' && isLimited)
    fault(
      `maxmemory-policy is ${policy}: it forgets what it likes when memory is short`,
      'CONFIG SET maxmemory-policy noeviction.',
    )
  return said.length > 0 ? said : [{ state: 'ok', subject, evidence: `appendonly, appendfsync ${sync ?? 'not told'}` }]
}
