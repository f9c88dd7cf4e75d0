/** Scenarios whose targets measure themselves: one piece of the work of a message, without a server. */
import type { Scenario } from './scenario.ts'

export const MICRO_SCENARIOS: readonly Scenario[] = [
  {
    name: 'console-nobody',
    group: 'console',
    title: 'what it costs a message that somebody could watch, and nobody does',
    targets: ['watching'],
    sessions: 0,
    octets: 0,
    messages: 200_000,
    warmUp: 0,
    isMicro: true,
    isLong: true,
  },
  {
    name: 'lookup',
    title: 'a look-up in a directory, by the cache: 10,000 keys',
    targets: ['lookup-cached'],
    sessions: 0,
    octets: 0,
    messages: 200_000,
    warmUp: 0,
    isMicro: true,
    isLong: true,
  },
]
