/**
 * What happens after 250: a message is kept until every recipient of it has a final state, whoever dies meanwhile.
 *
 * `model.ts` is what a queue remembers: a message is split by `planMessage` into deliveries, recipients that go the same way together,
 * and each delivery has one status (scheduled, waiting, claimed, held, done). `state.ts` is the machine that moves it, pure functions of
 * a state and what happened; `STATES.md` draws it. `schedule.ts` says when to try again, `classify.ts` why a next hop refused.
 *
 * `store.ts` is what must be durable: `QueueStore`. A store that passes `queueContract` (`@postroad/testing/queue`) may mint receipts.
 * One that forgets is there too, for tests; the one on LMDB is in `@postroad/embedded`, the one on Redis in `@postroad/redis-queue`. Both keep
 * large content with `disk/` and envelopes with `envelope.ts`.
 *
 * `engine/` works the queue off: it claims what is due, gives it to a transport, asks and tells the hooks, and records the state; `dsn/`
 * writes what the sender is told. It counts transactions by site, and waits by destination.
 *
 * `outbox/` is what programs are told of the messages: events, written by the store in the step that they tell of.
 *
 * `plugin/`, `rule/` and `command/` are what the queue plugins share: their hooks, their options, and `postroad queue …`. What that does
 * is in `operate/`, for people and for the admin interface alike.
 *
 * Begin to read at `STATES.md`, then `model.ts`, `store.ts` and `engine/engine.ts`.
 */

export { birth } from './birth.ts'
export type { BounceClass } from './bounce-table.ts'
export { type BounceFault, classify, faultOf } from './classify.ts'
export { type CommandedQueue, queueCommands } from './command/commands.ts'
export { ContentFiles, syncFolder } from './disk/content-files.ts'
export { Disk, UNWRITABLE } from './disk/disk.ts'
export { QueueEngine } from './engine/engine.ts'
export type { FindTransport } from './engine/find-transport.ts'
export { limitedTransports } from './engine/limited-transports.ts'
export { limiterSlots } from './engine/limiter-slots.ts'
export { type BackoffOptions, DEFAULT_BACKOFF, type SiteLimits, type SiteRule } from './engine/site.ts'
export type { SiteSlots, SlotAnswer, SlotEnd } from './engine/slots.ts'
export { loadEnvelope, type StoredEnvelope, storeEnvelope } from './envelope.ts'
export type {
  DeliveryState,
  DeliveryStatus,
  FinishedMessage,
  Lease,
  QueuedDelivery,
  QueuedMessage,
} from './model.ts'
export { QueueDesk, queueDesk } from './operate/desk.ts'
export type { QueueFilter } from './operate/filter.ts'
export type { QueueOrder } from './operate/order.ts'
export { readEvent } from './outbox/event.ts'
export { EventWriter, MailOutbox } from './outbox/event-writer.ts'
export { type Outbox, parsePosition } from './outbox/outbox.ts'
export { planMessage } from './plan.ts'
export { type EngineContext, openEngine, reporterOf } from './plugin/open-engine.ts'
export { queueHooks } from './plugin/queue-hooks.ts'
export { DestinationRules } from './rule/destination-rules.ts'
export { DEFAULT_SCHEDULE } from './schedule.ts'
export { operated, withdrawn, withPendingHold } from './state.ts'
export { answerStats } from './stats-request.ts'
export {
  type Gate,
  type GateView,
  type LeaseEnd,
  type NewMessage,
  type Operation,
  type QueueEntry,
  QueueError,
  type QueueStats,
  type QueueStore,
  type RecordResult,
  type Suspension,
} from './store.ts'
