/**
 * What it costs a message that somebody could watch, and nobody does: the looks at the flags of the feed for every run, and the call with its record.
 * A round of the scenario `console-nobody`: `watching.ts MESSAGES` prints milliseconds of the processor a message.
 */

import { ServerFeed } from '../../packages/core/src/log/feed.ts'
import { createLog } from '../../packages/core/src/log/log.ts'

/** Runs of handlers that a message meets in the scenario `policy`, and as many again. */
const RUNS = 60
const MESSAGES = Number(process.argv[2] ?? 200_000)

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

// The first are for the compiler.
for (let at = 0; at < MESSAGES; at++) message()
const before = process.cpuUsage()
for (let at = 0; at < MESSAGES; at++) message()
const { user, system } = process.cpuUsage(before)
if (told > 0) throw new Error('somebody watches')
process.stdout.write(`${(user + system) / 1_000 / MESSAGES}\n`)
