/** How a message comes into the tables, and how its idempotency key is kept. For use within a commit. */
import { birth, type QueuedMessage, QueueError } from '@postroad/queue-engine'
import type { QueueTables } from './database.ts'
import type { Prepared } from './record.ts'
import { encodeState } from './record.ts'
import { asRecord, enter } from './status-index.ts'

/** Keys whose time is over that one message removes: their number shrinks, and no step is ever long. */
const FORGOTTEN = 2
const PRESENT = Buffer.from([1])

/** @throws {QueueError} `ERR_QUEUE_DUPLICATE` when the idempotency key of a message that is about to be added is that of another */
export function checkKey({ keys }: QueueTables, { queuedAt, parameters: { idempotency } }: QueuedMessage): void {
  const known = idempotency && readKey(keys.get(idempotency.key))
  if (!known || known.until <= queuedAt) return
  const text = `The same message is queued as ${known.id}`
  throw new QueueError('ERR_QUEUE_DUPLICATE', text, { duplicateOf: known.id })
}

/** Keeps the key of a message, and forgets some whose time is over. */
function keepKey({ keys, keyTimes }: QueueTables, { id, queuedAt, parameters: { idempotency } }: QueuedMessage): void {
  if (!idempotency) return
  const { key, until } = idempotency
  const known = readKey(keys.get(key))
  if (known) keyTimes.remove([known.until, key])
  for (const [at, over] of [...keyTimes.getKeys({ end: [queuedAt, ''], limit: FORGOTTEN })]) {
    keyTimes.remove([at, over])
    keys.remove(over)
  }
  keys.put(key, Buffer.from(`${id} ${until}`))
  keyTimes.put([until, key], PRESENT)
}

function readKey(stored: Buffer | undefined): { readonly id: string; readonly until: number } | undefined {
  const [id = '', until = ''] = stored?.toString().split(' ') ?? []
  return stored && { id, until: Number(until) }
}

/** Gives the key of a message back that was not taken after all. */
export function giveKeyBack({ keys, keyTimes }: QueueTables, { id, parameters: { idempotency } }: QueuedMessage): void {
  if (!idempotency || !keys.get(idempotency.key)?.toString().startsWith(`${id} `)) return
  keys.remove(idempotency.key)
  keyTimes.remove([idempotency.until, idempotency.key])
}

/** A message is added: claimed by its owner, which needs no state of its own, or scheduled for the time that its sender wants. */
export function insert(tables: QueueTables, message: QueuedMessage, { record, owner }: Prepared): void {
  tables.messages.put(message.id, record)
  for (const [index, state] of birth.states(message, owner).entries()) {
    const stored = asRecord(message, index, state)
    enter(tables, state.status, { id: message.id, index, destination: stored.destination })
    if (state.status.kind !== 'claimed') tables.states.put([message.id, index], encodeState(stored))
  }
  keepKey(tables, message)
}
