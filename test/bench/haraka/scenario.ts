/** The same eight plugins in Haraka and in Postroad. */
import type { Scenario } from '../scenario.ts'

const shape = {
  targets: ['haraka-eight', 'postroad-haraka'],
  sessions: 20,
  octets: 4_096,
  warmUp: 1_500,
  group: 'haraka',
  isLong: true,
} as const

export const HARAKA_SCENARIOS: readonly Scenario[] = [
  {
    ...shape,
    name: 'haraka-single',
    title: '20 sessions, one message a connection, 4 KB: eight plugins of Haraka, there and here',
    messages: 1_500,
    single: true,
  },
  {
    ...shape,
    name: 'haraka-many',
    title: '20 sessions, many messages a connection, 4 KB: eight plugins of Haraka, there and here',
    messages: 2_000,
  },
]
