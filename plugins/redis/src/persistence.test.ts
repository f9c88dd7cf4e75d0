import assert from 'node:assert/strict'
import { test } from 'node:test'
import { persistence } from './persistence.ts'

/** What a Redis says of itself; undefined: it forbids the question. */
interface Said {
  readonly info?: Readonly<Record<string, string>>
  readonly config?: Readonly<Record<string, string>> | undefined
}

const INFO = { aof_enabled: '1', aof_last_write_status: 'ok', rdb_last_bgsave_status: 'ok' }
const CONFIG = { appendfsync: 'always', maxmemory: '0', 'maxmemory-policy': 'noeviction' }

async function look({ info = {}, config = CONFIG }: Said, isForbidden = false): Promise<readonly string[]> {
  const lines = Object.entries({ ...INFO, ...info }).map(([key, value]) => `${key}:${value}\r\n`)
  const check = persistence({
    async send(command, args) {
      if (command === 'info') return `# Persistence\r\n${lines.join('')}`
      if (isForbidden) throw new Error('NOPERM')
      const key = String(args[1])
      return [key, config[key as keyof typeof config]]
    },
  })
  const found = await check.run(new AbortController().signal)
  for (const { state, fix } of found) if (state !== 'ok') assert.match(fix ?? '', /^\S.*\.$/)
  return found.map(({ state, subject, evidence }) => `${state} ${subject}: ${evidence}`)
}

const TABLE: readonly (readonly [what: string, said: Said, found: readonly RegExp[]])[] = [
  ['all is as a queue wants it', {}, [/^ok Redis: appendonly, appendfsync always$/]],
  ['nothing is appended', { info: { aof_enabled: '0' } }, [/^fault Redis: appendonly is off/]],
  ['appended, and never forced', { config: { ...CONFIG, appendfsync: 'no' } }, [/^fault Redis: appendfsync is no/]],
  ['forced each second', { config: { ...CONFIG, appendfsync: 'everysec' } }, [/^remark Redis: appendfsync is everysec/]],
  ['the append-only file cannot be written', { info: { aof_last_write_status: 'err' } }, [/^fault Redis: the last write/]],
  ['the snapshot failed', { info: { rdb_last_bgsave_status: 'err' } }, [/^remark Redis: the last snapshot failed/]],
  ['it forgets what it likes', { config: { ...CONFIG, maxmemory: '1000000', 'maxmemory-policy': 'allkeys-lru' } }, [/^fault Redis: maxmemory-policy is allkeys-lru/]],
  ['a policy of forgetting without a limit forgets nothing', { config: { ...CONFIG, 'maxmemory-policy': 'allkeys-lru' } }, [/^ok /]],
  ['several things at once', { info: { aof_enabled: '0', rdb_last_bgsave_status: 'err' } }, [/^fault .*appendonly/, /^remark .*snapshot/]],
] // biome-ignore format: a table

for (const [what, said, found] of TABLE)
  test(`redis: ${what}`, async () => {
    const lines = await look(said)
    assert.equal(lines.length, found.length, lines.join('\n'))
    for (const [at, pattern] of found.entries()) assert.match(lines[at] ?? '', pattern)
  })

test('redis: where CONFIG is forbidden what INFO says counts', async () => {
  assert.deepEqual(await look({}, true), ['ok Redis: appendonly, appendfsync not told'])
  assert.match((await look({ info: { aof_enabled: '0' } }, true)).join(), /^fault Redis: appendonly is off/)
})

test('redis: no answer is a fault that says why', async () => {
  const check = persistence({ send: () => Promise.reject(new Error('ECONNREFUSED')) })
  const [found] = await check.run(new AbortController().signal)
  assert.deepEqual([found?.state, found?.evidence], ['fault', 'no answer: ECONNREFUSED'])
})
