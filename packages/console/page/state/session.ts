/** Who asks, and how the server is: asked once a page, kept fresh by the stream of events and, where that is silent, by a clock. */
import type { ApiAnswer, ApiCall } from '@postroad/admin-api'
import { signal } from '@preact/signals'
import { get, Problem, post } from './api.ts'

/** `unknown` until the first answer; `stranger`: a token is wanted; `lost`: nobody answers. */
export const access = signal<'unknown' | 'stranger' | 'known' | 'lost'>('unknown')
/** The last that the server said of itself. */
export const status = signal<ApiAnswer<'status'> | undefined>(undefined)
/** Since when nobody answers; milliseconds since the epoch. */
export const lostSince = signal<number | undefined>(undefined)

const EVERY_MS = 10_000
let timer = 0

/** Begins to ask, and goes on by itself. */
export async function watchStatus(): Promise<void> {
  clearTimeout(timer)
  try {
    if (!document.hidden || status.value === undefined) take(await get<ApiAnswer<'status'>>('v1/status'))
  } catch (error) {
    if (error instanceof Problem && error.status === 401) onUnauthorized()
    else if (!(error instanceof Problem) || error.status === 0 || error.status >= 500) onLost()
  }
  if (access.value !== 'stranger') timer = setTimeout(watchStatus, access.value === 'lost' ? EVERY_MS / 4 : EVERY_MS)
}

/** What the server says of itself, from an answer or an event. An event has no `caller`: that one is kept. */
export function take(said: ApiAnswer<'status'>): void {
  const before = status.value
  status.value =
    before === undefined
      ? said
      : { ...before, ...said, caller: said.caller ?? before.caller, can: said.can ?? before.can }
  access.value = 'known'
  lostSince.value = undefined
}

/** The server wants a token, or does not take the present one any more. */
export function onUnauthorized(): void {
  access.value = 'stranger'
}

/** Nobody answers. */
export function onLost(): void {
  lostSince.value ??= Date.now()
  access.value = 'lost'
}

/** Whether this caller may make the call and this server can answer it: what may not be done is not drawn. */
export function may(call: ApiCall): boolean {
  return status.value?.can.includes(call) ?? false
}

/**
 * A token, or the ticket of a link, for a cookie that scripts cannot read.
 *
 * @throws {Problem} when it is not taken
 */
export async function login(secret: { readonly token: string } | { readonly ticket: string }): Promise<void> {
  if ('ticket' in secret) await post<ApiAnswer<'login'>>('v1/session', secret)
  else await post<ApiAnswer<'login'>>('v1/session', {}, secret)
  access.value = 'unknown'
  await watchStatus()
}

/** Forgets the cookie. */
export async function logout(): Promise<void> {
  try {
    await post('v1/session', {}, { method: 'DELETE' })
  } catch {
    // Who has no session any more has what was wanted.
  }
  status.value = undefined
  onUnauthorized()
}
