/** Sinks that are no web server: a function of the program, and a file. */
import { open } from 'node:fs/promises'
import type { Sent } from './body.ts'
import type { EndpointOptions, ToldEvent } from './options.ts'
import { type EventOutcome, type EventSink, whyOf } from './sink.ts'

/** A function: what it throws is tried again. */
export function functionSink(deliver: NonNullable<EndpointOptions['deliver']>, timeoutMs: number): EventSink {
  return {
    async deliver(events, signal) {
      const given = events.map(({ payload }): ToldEvent => JSON.parse(payload)) // the queue wrote it
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), timeoutMs)
      const until = AbortSignal.any([signal, late.signal])
      try {
        until.throwIfAborted()
        await new Promise<void>((resolve, reject) => {
          until.addEventListener('abort', () => reject(new Error('it took too long')), { once: true })
          // What is thrown at once rejects as well.
          Promise.resolve(deliver(given, { signal: until })).then(resolve, reject)
        })
        return { kind: 'ok' }
      } catch (error) {
        return { kind: 'failed', why: whyOf(error) }
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** A file, synchronised before the events count as told. It is opened anew each time: it may be moved away. */
export function fileSink(file: string): EventSink {
  let writing: Promise<EventOutcome> = Promise.resolve({ kind: 'ok' })
  return {
    deliver(events) {
      // One after the other: lines must not get into each other.
      writing = writing.then(() => append(file, events))
      return writing
    },
  }
}

async function append(file: string, events: readonly Sent[]): Promise<EventOutcome> {
  try {
    const handle = await open(file, 'a+', 0o600)
    try {
      const { size } = await handle.stat()
      const last = Buffer.alloc(1)
      // A process that died may have left half a line.
      const isTorn = size > 0 && (await handle.read(last, 0, 1, size - 1)).bytesRead === 1 && last[0] !== 0x0a
      await handle.appendFile((isTorn ? '\n' : '') + events.map(({ payload }) => `${payload}\n`).join(''))
      await handle.datasync()
    } finally {
      await handle.close()
    }
    return { kind: 'ok' }
  } catch (error) {
    return { kind: 'failed', why: whyOf(error) }
  }
}
