/**
 * How many machines a volume needs, from what was measured:
 *
 *     node --conditions=@postroad/source test/bench/simulate/simulate.ts figures.json [messages a day]
 */
import { readFileSync } from 'node:fs'
import { type Day, playDay } from './day.ts'
import type { Figures, Row } from './figures.ts'

/** Part of a core that may be busy in the worst minute: the rest is for fsync, failover and the day that is worse. */
const HEADROOM = 0.5
const DAY = { peakFactor: 3, deferred: 0.08, deferredAgain: 0.5, waits: [5, 10, 20, 30, 60, 120, 180, 240] }
const OUTAGE = { share: 0.2, fromMinute: 540, minutes: 240 }

const [file = 'figures.json', only] = process.argv.slice(2)
const figures: Figures = JSON.parse(readFileSync(file, 'utf8')) // measure.ts wrote it
const take = find('take')
const whole = find('take and deliver')
for (const messagesADay of only ? [Number(only)] : [1e6, 1e7, 1e8, 1e9]) {
  const day = playDay({ ...DAY, messagesADay })
  const bad = playDay({ ...DAY, messagesADay, outage: OUTAGE })
  process.stdout.write(`${JSON.stringify({ messagesADay, ...needs(day, bad) })}\n`)
}

function needs(day: Day, bad: Day): Record<string, number> {
  // An attempt is what is left of a message's cycle when its taking is done.
  const attempt = { node: positive(whole.cpuMs - take.cpuMs), redis: positive((whole.redisCpuMs ?? 0) - (take.redisCpuMs ?? 0)) }
  const load = (cost: { readonly take: number; readonly attempt: number }): number =>
    (bad.peakMessagesPerSecond * cost.take + bad.peakAttemptsPerSecond * cost.attempt) / 1_000
  const redisCores = load({ take: take.redisCpuMs ?? 0, attempt: attempt.redis })
  return {
    messagesPerSecondAtPeak: Math.round(day.peakMessagesPerSecond),
    attemptsPerSecondAtPeak: Math.round(bad.peakAttemptsPerSecond),
    redisShards: Math.max(1, Math.ceil(redisCores / HEADROOM)),
    queueCores: Math.max(1, Math.ceil(load({ take: take.cpuMs, attempt: attempt.node }) / HEADROOM)),
    backlog: Math.round(day.peakBacklog),
    backlogInOutage: Math.round(bad.peakBacklog),
    redisGigabytesInOutage: Number(((bad.peakBacklog * (take.memoryOctets ?? 0)) / 1e9).toFixed(1)),
  }
}

function find(step: Row['step']): Row {
  const found = figures.rows.find((row) => row.kind === 'redis' && row.processes === 1 && row.step === step)
  if (!found) throw new Error(`no measurement of "${step}" with one process in ${file}`)
  return found
}

function positive(value: number): number {
  return Math.max(value, 0.001)
}
