/** Named moments at which a test may kill the process or fail the disk. Nothing in production passes one. */

/** Called at every {@link FAULT_POINTS}; may throw, or never return. */
export type Fault = (point: FaultPoint) => void

/** Every moment, in the order of a message's life. */
export const FAULT_POINTS = [
  'add:begin',
  'content:written',
  'content:synced',
  'content:folder-synced',
  'commit:open',
  'commit:written',
  'commit:durable',
  'add:durable',
  'claim:durable',
  'release:durable',
  'record:begin',
  'record:durable',
  'content:removed',
] as const

export type FaultPoint = (typeof FAULT_POINTS)[number]

/** No faults: production. */
export const noFault: Fault = () => {}
