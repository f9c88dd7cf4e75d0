/** What is made to cost does not: of each message the work for content is bounded, in time and in memory, and what was not looked at is said. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { promisify } from 'node:util'
import { inflateRawSync } from 'node:zlib'
import { BOMBS } from './bombs.ts'
import { quine } from './quine.ts'

/** Milliseconds of the processor. The bound is 250 where nobody else works; on a machine that is full each costs more. */
const TIME = 1_000
/** Octets, beyond those of the message. */
const MEMORY = 64 * 1_048_576
/** Whose MIME is beyond the limits have no fact: nobody looks. Entities are not expanded: there is nothing that was not looked at. */
const SILENT = /^(?:1,000 multiparts|10,000 messages|100,000 fields|entities)/

interface Cost {
  readonly name: string
  readonly cpu: number
  readonly memory: number
  readonly facts?: Readonly<Record<string, unknown>>
}

const skip = existsSync('/proc/self/clear_refs')
  ? false
  : 'the system does not tell the most memory that a process has had'
const costs = new Map<string, Cost>()

if (!skip)
  before(async () => {
    const worker = join(import.meta.dirname, 'bomb-worker.ts')
    const args = ['--expose-gc', '--conditions=@postroad/source', worker]
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 16_777_216 })
    for (const line of stdout.trim().split('\n')) {
      const cost = JSON.parse(line) as Cost // as: what the worker writes
      costs.set(cost.name, cost)
    }
  })

for (const name of BOMBS.keys())
  test(`${name}: bounded, and said`, { skip }, (t) => {
    const cost = costs.get(name)
    assert.ok(cost)
    t.diagnostic(`${Math.round(cost.cpu)} ms of the processor, ${(cost.memory / 1_048_576).toFixed(1)} MiB`)
    assert.ok(cost.cpu <= TIME, `${cost.cpu} ms`)
    assert.ok(cost.memory <= MEMORY, `${cost.memory} octets`)
    if (!SILENT.test(name)) assert.match(JSON.stringify(cost.facts), /"signal":"(?:unread|many)"/)
  })

test('the archive in itself is one', () => {
  const archive = quine()
  const [start, length] = [30 + archive.readUInt16LE(26), archive.readUInt32LE(18)]
  assert.ok(inflateRawSync(archive.subarray(start, start + length)).equals(archive))
})
