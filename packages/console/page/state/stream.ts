/** Server-sent events: one connection a page, opened again by itself. What comes is handed on in batches, at most one a frame. */

import { signal } from '@preact/signals'
import type { Arrived } from '../now/traffic.ts'
import { addressOf, detailOf, Problem, query } from './api.ts'
import { onLost, take, watchStatus } from './session.ts'

/** Why there are no events; undefined while there are. */
export const refusal = signal<Problem | undefined>(undefined)

/** Milliseconds until a connection that was refused is tried again. */
const RETRY_MS = 3_000
/** Events that wait for the next frame; more are not drawn and are counted. */
const MOST = 5_000

/** Opens it; `names` are events of `/v1/events`. Answers a function that closes it. */
export function listen(names: readonly string[], onBatch: (events: readonly Arrived[]) => void): () => void {
  let batch: Arrived[] = []
  let skipped = 0
  let isWaiting = false
  let source: EventSource | undefined
  let timer = 0
  const flush = (): void => {
    isWaiting = false
    if (skipped > 0) batch.push({ name: 'skipped', data: { count: skipped } })
    const events = batch
    batch = []
    skipped = 0
    onBatch(events)
  }
  const arrive = (name: string, text: string): void => {
    const data = JSON.parse(text)
    if (name === 'status') take(data)
    if (batch.length < MOST) batch.push({ name, data })
    else skipped += 1
    if (isWaiting) return
    isWaiting = true
    // A tab in the background has no frames.
    if (document.hidden) setTimeout(flush, 500)
    else requestAnimationFrame(flush)
  }
  const path = `v1/events${query({ only: names.join(','), sample: 1 })}`
  const open = (): void => {
    source = new EventSource(addressOf(path))
    // The browser has an event `open` of its own, without data.
    for (const name of [...names, 'skipped', 'sampled'])
      source.addEventListener(name, (event) => event instanceof MessageEvent && arrive(name, String(event.data)))
    source.addEventListener('open', () => {
      refusal.value = undefined
    })
    source.addEventListener('error', () => {
      // The browser comes again by itself, unless it was refused.
      if (source?.readyState === EventSource.CLOSED) {
        timer = setTimeout(open, RETRY_MS)
        void whyRefused(path)
      } else onLost()
      void watchStatus()
    })
  }
  open()
  return () => {
    clearTimeout(timer)
    source?.close()
    refusal.value = undefined
  }
}

/** A stream that is refused does not say why; who asks the same by a request is told. */
async function whyRefused(path: string): Promise<void> {
  const abort = new AbortController()
  try {
    const answer = await fetch(addressOf(path), { credentials: 'same-origin', signal: abort.signal })
    if (!answer.ok) refusal.value = new Problem(answer.status, await detailOf(answer))
    abort.abort()
  } catch {
    // Nobody answers at all: the head of the page says so.
  }
}
