/**
 * What it costs a message that somebody could watch, and nobody does: the looks at the flags of the feed for every run, and the call with its record.
 * `node --conditions=@postroad/source test/bench/watching.ts` prints microseconds a message, and ends with 1 when they are more than 2.
 */

import { ServerFeed } from '../../packages/core/src/log/feed.ts'
import { createLog } from '../../packages/core/src/log/log.ts'

/** Runs of handlers that a message meets in the scenario `policy`, and as many again. */
const RUNS = 60
const MESSAGES = 200_000
const MOST_US = 2

const feed = new ServerFeed(createLog({ format: 'silent' }))
const scope = { feed, record: (line: object) => feed.record(line) }
const call = { scope }
const line = { event: 'transaction', id: 'A.1' }
let told = 0

function message(): void {
  if (call.scope.feed.tellsOpened) told++
  for (let run = 0; run < RUNS; run++) if (call.scope.feed.tellsRuns) told++
  scope.record(line)
}

const rounds = Array.from({ length: 15 }, () => {
  const before = process.cpuUsage()
  for (let at = 0; at < MESSAGES; at++) message()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / MESSAGES
}).sort((one, other) => one - other)
const median = rounds[7] ?? Number.NaN
process.stdout.write(`nobody watches: ${median.toFixed(3)} µs a message (${told} told)\n`)
process.exitCode = median <= MOST_US ? 0 : 1
