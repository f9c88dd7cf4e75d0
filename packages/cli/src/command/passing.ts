/**
 * Connections on their way from the supervisor to a worker. Node accepts them in the supervisor, keeps each until the worker has
 * said that it has it, and forgets about it when the worker dies before: the client would then wait for ever.
 */
import type { Worker } from 'node:cluster'

/** What Node sends with a connection, and what comes back. */
interface InternalMessage {
  readonly cmd?: string
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
}

/** Closes what a worker had not taken when it dies: its clients then know, and come again. */
export function closeWhatItLeaves({ process }: Worker): void {
  // One that could not be started has no channel.
  if (typeof process.send !== 'function') return
  const passing = new Map<number, { close(): void }>()
  const send = process.send.bind(process) as (...args: readonly unknown[]) => boolean // the same, without its overloads
  const watched = (
    message: InternalMessage,
    handle?: { close(): void } | null,
    ...rest: readonly unknown[]
  ): boolean => {
    if (message?.cmd === 'NODE_CLUSTER' && message.act === 'newconn' && message.seq !== undefined && handle)
      passing.set(message.seq, handle)
    return send(message, handle, ...rest)
  }
  Object.assign(process, { send: watched })
  process.on('internalMessage', (message: InternalMessage) => {
    if (message?.ack !== undefined) passing.delete(message.ack)
  })
  process.once('exit', () => {
    for (const handle of passing.values()) handle.close()
    passing.clear()
  })
}
