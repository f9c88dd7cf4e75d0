/** What answers where a link of a digest leads. A GET shows what would be done and does nothing: programs that look at mail follow links. */

import type { TokenKeys } from '@postroad/options'
import { LinkCounts } from '@postroad/options/link'
import type { HttpContext, HttpRoute, QuarantineDesk, Store } from '@postroad/plugin'
import type { Vault } from '../vault.ts'
import { type LinkAction, type OpenedLink, openLink } from './link.ts'
import { type PageWords, pageOf } from './page.ts'

/** What they work on. */
export interface LinkDeps {
  readonly vault: Vault
  readonly desk: QuarantineDesk
  readonly store: Store
  readonly keys: TokenKeys
  readonly timeZone: string
}

/** Below the base address of the links. */
export const LINK_PATH = '/q'

const USED = 'quarantine:link:'
/** Milliseconds for which it is known what a link has done. */
const REMEMBERED_MS = 30 * 86_400_000
const INVALID: PageWords = {
  status: 404,
  title: 'This link is not valid',
  text: 'Perhaps it was broken over two lines: copy all of it. Otherwise your postmaster can help.',
}
const EXPIRED: PageWords = {
  status: 410,
  title: 'This link has expired',
  text: 'If you still need the message, ask your postmaster soon: it may be deleted already.',
}
const GONE: PageWords = {
  status: 410,
  title: 'The message is not here any more',
  text: 'It was released or deleted before, or it became too old.',
}
const DONE: Readonly<Record<LinkAction, PageWords>> = {
  release: { status: 200, title: 'Released', text: 'The message is on its way to your mailbox.' },
  delete: { status: 200, title: 'Deleted', text: 'The message is deleted for you.' },
}
const ASKED: Readonly<Record<LinkAction, readonly [title: string, text: string]>> = {
  release: [
    'Release this message?',
    'It was held back as suspicious. Released, it comes to your mailbox as it was sent.',
  ],
  delete: ['Delete this message?', 'Nobody can bring it back after that.'],
}
const FAILED: PageWords = {
  status: 503,
  title: 'It did not work out',
  text: 'The message is still kept. Please try again in some minutes.',
}
const WAIT: PageWords = { status: 429, title: 'Too many requests', text: 'Please try again in a minute.' }

/** The two routes. */
export function linkRoutes(deps: LinkDeps): readonly HttpRoute[] {
  const counts = new LinkCounts()
  const path = `${LINK_PATH}/:link`
  const answer = async (context: HttpContext, isMeant: boolean): Promise<Response> => {
    const link = openLink(context.params['link'] ?? '', await deps.keys.all())
    if (!counts.take(link?.mark, context.remote.address, context.now())) return pageOf(WAIT, { 'retry-after': '60' })
    if (link === undefined) return pageOf(INVALID)
    return pageOf(await (isMeant ? act(link, context, deps) : show(link, context, deps)))
  }
  return [
    {
      method: 'GET',
      path,
      access: 'link',
      summary: 'Asks whether a link of a digest is meant; does nothing',
      bodyLimit: 0,
      handler: (context) => answer(context, false),
    },
    {
      method: 'POST',
      path,
      access: 'link',
      summary: 'Releases a message of the quarantine, or deletes it, for one recipient',
      bodyLimit: 1_024,
      timeout: 60_000,
      handler: async (context) =>
        answer(context, new URLSearchParams(await context.request.text()).get('confirm') === 'yes'),
    },
  ]
}

async function show(link: OpenedLink, { now }: HttpContext, { vault, store, timeZone }: LinkDeps): Promise<PageWords> {
  if ((await store.get(USED + link.mark)) !== undefined) return DONE[link.action]
  if (link.expires <= now()) return EXPIRED
  const entry = (await vault.get(link.id))?.entry
  if (entry === undefined || !entry.recipients.some(({ address }) => link.isFor(address))) return GONE
  const [title, text] = ASKED[link.action]
  return { status: 200, title, text, about: { entry, timeZone }, action: link.action }
}

/** Once; who presses twice is told the same. */
async function act(link: OpenedLink, context: HttpContext, deps: LinkDeps): Promise<PageWords> {
  const shown = await show(link, context, deps)
  if (shown.action === undefined) return shown
  const { desk, vault, store } = deps
  const { id, action } = link
  const to =
    (await vault.get(id))?.entry.recipients.map(({ address }) => address).filter((one) => link.isFor(one)) ?? []
  if (to.length === 0) return GONE
  const isDone = action === 'delete' ? await desk.delete(id, { to }) : await release(to, { id, desk, context })
  context.log.info(
    { id, to: to.join(' '), action, remote: context.remote.address, ok: isDone },
    'a link of a digest was used',
  )
  if (!isDone) return FAILED
  await store.set(USED + link.mark, String(context.now()), REMEMBERED_MS)
  return DONE[action]
}

async function release(
  to: readonly string[],
  { id, desk, context }: { readonly id: string; readonly desk: QuarantineDesk; readonly context: HttpContext },
): Promise<boolean> {
  const outcomes = (await desk.release(id, { to, signal: context.signal })) ?? []
  for (const { to: address, released, reply } of outcomes)
    if (!released) context.log.warn({ id, to: address, reply }, 'a message was not released by its link')
  return outcomes.length > 0 && outcomes.every(({ released }) => released)
}
