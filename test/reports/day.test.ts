/** Hours of a day of a million messages, counted for both kinds of reports: what a message costs, and what stays in memory. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Microseconds of CPU a message, and octets of memory beyond what the process had before. */
const BOUND_US = 5
/** By how much a machine may be slower than that on which the bound was set: one and the same was, by half, from hour to hour. */
const SLOW = 2
const BOUND_MB = 200
/** The first hours of the day; all of it takes a busy machine minutes, and has the same figures. */
const MESSAGES = 250_000

for (const name of ['dmarc-report', 'tls-rpt'])
  test(`${name}: messages of a day of a million cost no more than ${BOUND_US} µs each to count and write down, and no more than ${BOUND_MB} MB`, async (t) => {
    // With less memory than it may have: the collector would else take its time, and what is needed would not be seen. The young generation
    // has what it has in every server.
    const argv = [
      '--max-old-space-size=120',
      '--max-semi-space-size=16',
      '--conditions=@postroad/source',
      join(import.meta.dirname, 'day.ts'),
      name,
      `${MESSAGES}`,
    ]
    const { stdout } = await run(process.execPath, argv)
    const { lost, domains, countUs, writtenUs, peakMb } = JSON.parse(stdout)
    t.diagnostic(
      `${countUs.toFixed(2)} µs to count, ${writtenUs.toFixed(2)} µs with writing down, ${Math.round(peakMb)} MB`,
    )
    assert.equal(lost, 0)
    assert.ok(domains > 10_000, `${domains} domains`)
    assert.ok(writtenUs < BOUND_US * SLOW, `${writtenUs} µs`)
    assert.ok(peakMb < BOUND_MB, `${peakMb} MB`)
  })
