/** What a day of mail needs of machines, from what was measured. Pure. */
import { playDay } from './day.ts'
import type { Figures, Row } from './figures.ts'

/** See `docs/scale.md`. */
export interface Needs {
  readonly messagesADay: number
  readonly messagesPerSecond: number
  readonly attemptsPerSecond: number
  readonly shards: number
  readonly cores: number
  /** Messages in the queue in the worst minute of an outage. */
  readonly backlog: number
  /** Octets of Redis for them. */
  readonly memory: number
}

/** Part of a core that may be busy in the worst minute: the rest is for fsync, failover and the day that is worse. */
const HEADROOM = 0.5
const DAY = { peakFactor: 3, deferred: 0.08, deferredAgain: 0.5, waits: [5, 10, 20, 30, 60, 120, 180, 240] }
const OUTAGE = { share: 0.2, fromMinute: 540, minutes: 240 }

/** Plays the day with the costs of one process. */
export function needsOf(figures: Figures, messagesADay: number): Needs {
  const take = find(figures, 'take')
  const whole = find(figures, 'take and deliver')
  const day = playDay({ ...DAY, messagesADay })
  const bad = playDay({ ...DAY, messagesADay, outage: OUTAGE })
  // An attempt is what is left of a message's cycle when its taking is done.
  const busy = (ofTake: number, ofWhole: number): number =>
    (bad.peakMessagesPerSecond * ofTake + bad.peakAttemptsPerSecond * Math.max(ofWhole - ofTake, 0.001)) / 1_000
  return {
    messagesADay,
    messagesPerSecond: day.peakMessagesPerSecond,
    attemptsPerSecond: bad.peakAttemptsPerSecond,
    shards: Math.max(1, Math.ceil(busy(take.redisCpuMs ?? 0, whole.redisCpuMs ?? 0) / HEADROOM)),
    cores: Math.max(1, Math.ceil(busy(take.cpuMs, whole.cpuMs) / HEADROOM)),
    backlog: bad.peakBacklog,
    memory: bad.peakBacklog * (take.memoryOctets ?? 0),
  }
}

function find({ rows }: Figures, step: Row['step']): Row {
  const found = rows.find((row) => row.kind === 'redis' && row.processes === 1 && row.step === step)
  if (!found) throw new Error(`there is no measurement of "${step}" with one process`)
  return found
}
