/** Loaded into each test file that `npm test` runs: its process ends when its tests have, whatever one that failed has left open. */
import { writeSync } from 'node:fs'
import { afterEach, beforeEach } from 'node:test'

/** Milliseconds without a running test after which a file has ended, when a test of it has failed: what that one opened nobody closes. */
const AFTER_FAILURE_MS = 10_000
/** The same when none has failed. Hooks at the end of a file take their time, but not so much: something is left open. */
const AFTER_SUCCESS_MS = 60_000
const LOOK_MS = 1_000

let running = 0
let idleSince: number | undefined
let hasFailed = false

beforeEach(() => {
  running++
  idleSince = undefined
})

afterEach((context) => {
  running--
  // A test's own; suites have no word of it.
  if ('passed' in context && !context.passed) hasFailed = true
  if (running === 0) idleSince = performance.now()
})

setInterval(() => {
  if (idleSince === undefined || performance.now() - idleSince < (hasFailed ? AFTER_FAILURE_MS : AFTER_SUCCESS_MS))
    return
  writeSync(2, `the tests have ended, and their process has not: ${process.getActiveResourcesInfo().join(', ')}\n`)
  process.exit(1)
}, LOOK_MS).unref()
