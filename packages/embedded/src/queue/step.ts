/** The steps of a store that can be watched from outside. Who makes a store for production does not. */

/** A step, in the order of a message's life. */
export type Step =
  | 'add:begin'
  | 'content:written'
  | 'content:synced'
  | 'content:folder-synced'
  | 'commit:open'
  | 'commit:written'
  | 'commit:durable'
  | 'add:durable'
  | 'claim:durable'
  | 'release:durable'
  | 'record:begin'
  | 'record:durable'
  | 'content:removed'

/** Called at each step. What it throws, the step has failed with. */
export type OnStep = (step: Step) => void

/** Nobody watches. */
export const unwatched: OnStep = () => {}
