/** What answers where a link leads. A GET shows a page and changes nothing: programs that look at mail follow links. */
import type { TokenKeys } from '@postroad/options'
import type { HttpContext, HttpRoute } from '@postroad/plugin'
import { LINK_PATH } from './fields.ts'
import type { Leaving } from './leaving.ts'
import { type ExitWords, pageOf } from './page.ts'
import { type Subscription, subscriptionOf } from './subscription.ts'

/** What they work on. */
export interface ExitDeps {
  readonly keys: TokenKeys
  readonly leaving: Leaving
}

/** Wrong links of one address in a minute; then it waits. A mailbox provider has many recipients, and no wrong links. */
const WRONG = 30
/** Requests for one right link in a minute. */
const RIGHT = 20

const INVALID: ExitWords = {
  status: 404,
  title: 'This link is not valid',
  text: 'Perhaps it was broken over two lines: copy all of it, or answer the mail and say that you want no more.',
}
const UNREADABLE: ExitWords = {
  status: 400,
  title: 'Unsubscribe?',
  text: 'The request did not say List-Unsubscribe=One-Click. Nothing was changed.',
  asks: true,
}
const FAILED: ExitWords = {
  status: 503,
  title: 'It did not work out',
  text: 'Please try again in some minutes.',
  asks: true,
}
const WAIT: ExitWords = { status: 429, title: 'Too many requests', text: 'Please try again in a minute.' }

/** The two routes. */
export function linkRoutes({ keys, leaving }: ExitDeps): readonly HttpRoute[] {
  const counts = new Counts()
  const path = `${LINK_PATH}/:token`
  const answer = async (context: HttpContext, act: (asked: Subscription) => Promise<ExitWords>): Promise<Response> => {
    const token = context.params['token'] ?? ''
    let asked: Subscription | undefined
    try {
      asked = await subscriptionOf(token, keys)
    } catch (error) {
      context.log.error({ error }, 'the keys of links cannot be read')
      return pageOf(FAILED, { 'retry-after': '300' })
    }
    const key = asked ? `right ${token}` : `wrong ${networkOf(context.remote.address)}`
    if (!counts.take(key, asked ? RIGHT : WRONG, context.now())) return pageOf(WAIT, { 'retry-after': '60' })
    if (!asked) return pageOf(INVALID)
    const words = await act(asked)
    return pageOf(words, words.status === 503 ? { 'retry-after': '300' } : {})
  }
  return [
    {
      method: 'GET',
      path,
      access: 'link',
      summary: 'Asks whether it is meant to unsubscribe; changes nothing',
      bodyLimit: 0,
      handler: (context) =>
        answer(context, async ({ from }) => ({
          status: 200,
          title: 'Unsubscribe?',
          text: `The address that this link was sent to will get no more mail from ${from}.`,
          asks: true,
        })),
    },
    {
      method: 'POST',
      path,
      access: 'link',
      summary: 'Unsubscribes, RFC 8058',
      bodyLimit: 4_096,
      handler: (context) =>
        answer(context, async (asked) => {
          if (!(await isOneClick(context.request))) return UNREADABLE
          try {
            await leaving.leave(asked, 'one-click', context.signal)
          } catch (error) {
            context.log.error({ error }, 'an unsubscription could not be written down')
            return FAILED
          }
          return {
            status: 200,
            title: 'Unsubscribed',
            text: `No more mail from ${asked.from} is sent to the address that this link was sent to.`,
          }
        }),
    },
  ]
}

/** RFC 8058 §3.1: `List-Unsubscribe=One-Click`, as a form of either kind. */
async function isOneClick(request: Request): Promise<boolean> {
  const type = request.headers.get('content-type') ?? ''
  if (!/^multipart\/form-data/i.test(type))
    return new URLSearchParams(await request.text()).get('List-Unsubscribe') === 'One-Click'
  try {
    return (await request.formData()).get('List-Unsubscribe') === 'One-Click'
  } catch (error) {
    // What cannot be parsed is no request to unsubscribe; a body that is too long is the listener's to answer.
    if (error instanceof TypeError) return false
    throw error
  }
}

/** An IPv6 network of one customer, as everywhere; an address else. */
function networkOf(address: string): string {
  return address.includes(':') ? address.split(':').slice(0, 4).join(':') : address
}

/** So many a minute, of each key; there is no more of it than a flood of strangers may fill. */
class Counts {
  readonly #counts = new Map<string, number>()
  #minute = 0

  take(key: string, most: number, now: number): boolean {
    const minute = Math.floor(now / 60_000)
    if (minute !== this.#minute || this.#counts.size > 10_000) this.#counts.clear()
    this.#minute = minute
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, count)
    return count <= most
  }
}
