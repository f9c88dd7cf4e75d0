/** What answers where a link leads. A GET shows a page and changes nothing: programs that look at mail follow links. */
import type { TokenKeys } from '@postroad/options'
import { LinkCounts, type LinkPage, linkPage } from '@postroad/options/link'
import type { HttpContext, HttpRoute } from '@postroad/plugin'
import { LINK_PATH } from './fields.ts'
import type { Leaving } from './leaving.ts'
import { type Subscription, subscriptionOf } from './subscription.ts'

/** What they work on. */
export interface ExitDeps {
  readonly keys: TokenKeys
  readonly leaving: Leaving
}

/** The button sends what mailbox providers send, RFC 8058 §3.1. */
const FORM = '<form method="post"><button name="List-Unsubscribe" value="One-Click">Unsubscribe</button></form>'

const INVALID: LinkPage = {
  status: 404,
  title: 'This link is not valid',
  text: 'Perhaps it was broken over two lines: copy all of it, or answer the mail and say that you want no more.',
}
const UNREADABLE: LinkPage = {
  status: 400,
  title: 'Unsubscribe?',
  text: 'The request did not say List-Unsubscribe=One-Click. Nothing was changed.',
  more: FORM,
}
const FAILED: LinkPage = {
  status: 503,
  title: 'It did not work out',
  text: 'Please try again in some minutes.',
  more: FORM,
}
const WAIT: LinkPage = { status: 429, title: 'Too many requests', text: 'Please try again in a minute.' }

/** The two routes. */
export function linkRoutes({ keys, leaving }: ExitDeps): readonly HttpRoute[] {
  const counts = new LinkCounts()
  const path = `${LINK_PATH}/:token`
  const answer = async (context: HttpContext, act: (asked: Subscription) => Promise<LinkPage>): Promise<Response> => {
    const token = context.params['token'] ?? ''
    let asked: Subscription | undefined
    try {
      asked = await subscriptionOf(token, keys)
    } catch (error) {
      context.log.error({ error }, 'the keys of links cannot be read')
      return linkPage(FAILED, { 'retry-after': '300' })
    }
    if (!counts.take(asked && token, context.remote.address, context.now()))
      return linkPage(WAIT, { 'retry-after': '60' })
    if (!asked) return linkPage(INVALID)
    const words = await act(asked)
    return linkPage(words, words.status === 503 ? { 'retry-after': '300' } : {})
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
          more: FORM,
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
