/** Server-sent events: one connection a page, opened again by itself. What comes is handed on in batches, at most one a frame. */
import type { Arrived } from '../now/traffic.ts'
import { addressOf, query } from './api.ts'
import { onLost, take, watchStatus } from './session.ts'

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
  const open = (): void => {
    source = new EventSource(addressOf(`v1/events${query({ only: names.join(',') })}`))
    // The browser has an event `open` of its own, without data.
    for (const name of [...names, 'skipped'])
      source.addEventListener(name, (event) => event instanceof MessageEvent && arrive(name, String(event.data)))
    source.addEventListener('error', () => {
      // The browser comes again by itself, unless it was refused.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, RETRY_MS)
      else onLost()
      void watchStatus()
    })
  }
  open()
  return () => {
    clearTimeout(timer)
    source?.close()
  }
}
