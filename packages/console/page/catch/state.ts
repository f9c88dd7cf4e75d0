/** Where we are, what comes as it comes, and what can be done. */
import { signal } from '@preact/signals'
import { addressOf, Problem } from '../state/api.ts'

/** What is searched for, and which message is read. */
export interface Place {
  readonly q: string
  readonly id: string | undefined
}

/** The present place; it stands in the address, so that the browser's back button works. */
export const place = signal<Place>(read())
/** Counts up when there is something new. */
export const news = signal(0)
/** Since when nobody answers; milliseconds since the epoch. */
export const lostSince = signal<number | undefined>(undefined)
/** How many of the oldest had to go since the page is open. */
export const dropped = signal(0)

/** Milliseconds between two looks at a list that changes all the time. */
const PAUSE = 250
const RETRY = 2_000

addEventListener('hashchange', () => {
  place.value = read()
})

function read(): Place {
  const values = new URLSearchParams(location.hash.slice(1))
  return { q: values.get('q') ?? '', id: values.get('id') ?? undefined }
}

/** With `isReplacing` the browser's history keeps no step for it. */
export function go({ q, id }: Place, isReplacing = false): void {
  const values = new URLSearchParams({ ...(q !== '' && { q }), ...(id !== undefined && { id }) })
  const link = `#${values}`
  if (link === location.hash) return
  if (!isReplacing) location.hash = link
  else {
    history.replaceState(null, '', link)
    place.value = read()
  }
}

/** Listens for as long as the page is open. */
export function listen(): void {
  let isWaiting = false
  const tell = (): void => {
    if (isWaiting) return
    isWaiting = true
    setTimeout(() => {
      isWaiting = false
      news.value++
    }, PAUSE)
  }
  const source = new EventSource(addressOf('api/v1/events'))
  source.addEventListener('open', () => {
    lostSince.value = undefined
    tell()
  })
  for (const name of ['new', 'deleted', 'changed']) source.addEventListener(name, tell)
  source.addEventListener('dropped', (event) => {
    if (event instanceof MessageEvent) dropped.value += Number(JSON.parse(String(event.data)).count)
    tell()
  })
  source.addEventListener('error', () => {
    lostSince.value ??= Date.now()
    // The browser comes again by itself, unless it was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY)
  })
}

/**
 * Asks for something to be done; the answer says no more than that it was.
 *
 * @throws {Problem} when it is refused, or nobody answers
 */
export async function act(method: 'PUT' | 'DELETE', path: string, body: unknown): Promise<void> {
  const init = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(addressOf(path), { credentials: 'same-origin', redirect: 'error', ...init }).catch(
    () => {
      throw new Problem(0, 'The server does not answer.')
    },
  )
  if (!response.ok) throw new Problem(response.status, `The server answered ${response.status}.`)
}
