/** The steps of a queue at which the crash tests kill it: all that its store says. */
import type { Step } from '../../packages/embedded/src/queue/step.ts'

const ALL: Readonly<Record<Step, true>> = {
  'add:begin': true,
  'content:written': true,
  'content:synced': true,
  'content:folder-synced': true,
  'commit:open': true,
  'commit:written': true,
  'commit:durable': true,
  'add:durable': true,
  'claim:durable': true,
  'release:durable': true,
  'record:begin': true,
  'record:durable': true,
  'content:removed': true,
}

/** In the order of a message's life. */
export const STEPS = Object.keys(ALL) as readonly Step[] // a type has no names at run time: the record has each, or does not compile
