import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, type ServerFacts } from './durability.ts'

const SAFE: ServerFacts = {
  version: '7.0.15',
  role: 'master',
  replicas: 0,
  appendonly: 'yes',
  appendfsync: 'always',
  policy: 'noeviction',
}

// biome-ignore format: a table
const CASES: readonly (readonly [string, Partial<ServerFacts>, number, RegExp | undefined])[] = [
  ['every command on disk before its answer', {}, 0, undefined],
  ['no log', { appendonly: 'no' }, 0, /appendonly/],
  ['a log once a second, alone', { appendfsync: 'everysec' }, 0, /appendfsync/],
  ['a log once a second, and a replica that confirms', { appendfsync: 'everysec', replicas: 1 }, 1, undefined],
  ['a log when the kernel likes, and a replica', { appendfsync: 'no', replicas: 1 }, 1, /appendfsync/],
  ['a log once a second of a server that can be asked', { appendfsync: 'everysec', version: '7.2.4' }, 0, undefined],
  ['replicas that are not there', { replicas: 1 }, 2, /2 replicas.*only 1/],
  ['a memory that forgets', { policy: 'allkeys-lru' }, 0, /noeviction.*allkeys-lru/],
  ['a replica', { role: 'slave' }, 0, /primary/],
]

for (const [name, facts, replicas, expected] of CASES) {
  test(`${name}: ${expected ? 'dangerous' : 'safe'}`, () => {
    const { dangers } = judge({ ...SAFE, ...facts }, replicas)
    if (expected) assert.match(dangers.join(' '), expected)
    else assert.deepEqual(dangers, [])
  })
}

test('Redis 7.2 with a log once a second has to confirm its disk; with one at each command there is nothing to ask', () => {
  assert.equal(judge({ ...SAFE, version: '7.2.4', appendfsync: 'everysec' }, 0).asksDisk, true)
  assert.equal(judge({ ...SAFE, version: '7.2.4' }, 0).asksDisk, false)
})
