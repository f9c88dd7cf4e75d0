/** Calls about the quarantine. Where there are several, an id says in which one its message is. */
import type { ApiShape } from '@postroad/admin-api'
import { LearningDesk, QuarantineDesk, type QuarantinedMessage, textOf } from '@postroad/plugin'
import { type AskedCall, type CallHandlers, CallRefused } from './answer.ts'
import { caged } from './cage.ts'
import { type ActingDeps, already, begin, jobId, rawMessage } from './queue-calls.ts'
import { reading } from './reading.ts'

type Kept = ApiShape<'kept'>
type Body = AskedCall<'quarantineAction'>['body']

/** Messages that are looked at for a list. */
const LOOK_LIMIT = 100_000
/** Rows of a preview. */
const SAMPLE = 10

/** The handlers. */
export function quarantineCalls(deps: ActingDeps & { readonly hostname: string }): CallHandlers {
  const { host, audit, hostname } = deps
  const desks = () => desksOf(deps)
  const find = async (id: string) => {
    // What cannot be an id is not asked for: a spool may take it for a mistake of ours.
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/.test(id) || id.length > 200) missing(id)
    for (const { desk } of desks()) {
      const found = await desk.get(id)
      if (found) return { ...found, desk }
    }
    return missing(id)
  }
  return {
    async quarantine({ query: { q, before, limit }, context }) {
      const { items, total } = await listed(desks(), { q, signal: context.signal })
      // Newest first; ids of one moment in the order of their names.
      items.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1))
      const from = before === undefined ? 0 : items.findIndex((one) => keyOf(one) < before)
      const some = from < 0 ? [] : items.slice(from, from + limit)
      const last = some.at(-1)
      const hasMore = from >= 0 && from + limit < items.length
      return {
        items: some,
        ...(hasMore && last && { next: keyOf(last) }),
        total,
        canRelease: desks().some(({ desk }) => desk.canRelease),
        canLearn: host.desks(LearningDesk).length > 0,
      }
    },
    async quarantineText({ context }) {
      const { entry, message } = await find(context.params['id'] ?? '')
      await audit.add(context, { action: 'read a quarantined message', target: entry.id, ok: true })
      return { ...shown(entry), ...(await reading(message, hostname)) }
    },
    async quarantineHtml({ context }) {
      const { entry, message } = await find(context.params['id'] ?? '')
      const { html } = await message.mime()
      if (html === undefined) throw new CallRefused(404, 'It has no HTML')
      await audit.add(context, { action: 'read a quarantined message', target: entry.id, ok: true })
      return new Response(caged(html), {
        headers: {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy':
            "default-src 'none'; style-src 'unsafe-inline'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
        },
      })
    },
    async quarantineRaw({ context }) {
      const { entry, message } = await find(context.params['id'] ?? '')
      await audit.add(context, { action: 'read a quarantined message', target: entry.id, ok: true })
      return rawMessage(message, entry.id)
    },
    async release({ context, body: { to } }) {
      const { entry, desk } = await find(context.params['id'] ?? '')
      const outcomes = await desk.release(entry.id, { signal: context.signal, ...(to && { to }) })
      if (!outcomes) throw new CallRefused(404, 'None of its recipients is one of these')
      const count = outcomes.filter(({ released }) => released).length
      const text = outcomes
        .map(({ to: address, reply }) => `${address}: ${reply}`)
        .join('; ')
        .slice(0, 500)
      await audit.add(context, { action: 'release', target: entry.id, count, ok: count === outcomes.length, text })
      return { id: entry.id, outcomes: [...outcomes] }
    },
    async deleteKept({ context }) {
      const { entry, desk } = await find(context.params['id'] ?? '')
      const deleted = await desk.delete(entry.id)
      await audit.add(context, { action: 'delete from the quarantine', target: entry.id, ok: deleted })
      return { id: entry.id, deleted }
    },
    async learn({ context, body: { as, to } }) {
      const learning = host.desks(LearningDesk)
      if (learning.length === 0) throw new CallRefused(404, 'No plugin of this server can be taught')
      const { entry, message } = await find(context.params['id'] ?? '')
      const recipients = to === undefined ? entry.to : entry.to.filter((one) => to.includes(one))
      if (recipients.length === 0) throw new CallRefused(404, 'None of its recipients is one of these')
      const order = { as, recipients, signal: context.signal }
      const by = await Promise.all(
        learning.map(({ plugin, desk }) =>
          desk.learn(message, order).then(
            (text) => ({ plugin, ok: true, text }),
            (error: unknown) => ({ plugin, ok: false, text: textOf(error) }),
          ),
        ),
      )
      await audit.add(context, { action: `learn as ${as}`, target: entry.id, ok: by.every(({ ok }) => ok) })
      return { id: entry.id, by }
    },
    quarantineAction: (asked) => act(asked, deps),
    async digest({ context, body: { to, all, dryRun } }) {
      const { signal } = context
      const digests = desks().flatMap(({ desk }) => desk.digests ?? [])
      for (const one of digests) {
        if (dryRun) {
          const shown = await one.preview(to, { all, signal })
          if (shown) return { dryRun: true as const, ...shown }
          continue
        }
        const sent = await one.send(to, { all, signal })
        if (!sent) continue
        await audit.add(context, {
          action: 'digest',
          target: sent.to,
          count: sent.messages,
          ok: sent.sent,
          text: sent.reply,
        })
        return sent
      }
      throw new CallRefused(404, 'This recipient gets no digests')
    },
  }
}

function missing(id: string): never {
  throw new CallRefused(404, `There is no ${JSON.stringify(id)} in the quarantine, or not any more`)
}

function desksOf({ host }: ActingDeps) {
  const desks = host.desks(QuarantineDesk)
  if (desks.length === 0) throw new CallRefused(404, 'This server has no quarantine')
  return desks
}

async function act({ body, context, caller }: AskedCall<'quarantineAction'>, deps: ActingDeps) {
  const { previews } = deps
  const { action, filter, dryRun, token } = body
  if (Object.values(filter).every((value) => value === undefined))
    throw new CallRefused(400, 'filter: say which messages, or all: true')
  const order = { kind: 'quarantine', action, filter }
  const now = context.now()
  const meant = await meantBy(body, deps, { now, signal: context.signal })
  if (dryRun) {
    const offered = await previews.offer(order, { by: caller, messages: meant.length, now })
    const recipients = meant.reduce((sum, { entry }) => sum + entry.to.length, 0)
    const sample = meant.slice(0, SAMPLE).map(({ entry }) => shown(entry))
    return { action, dryRun: true as const, messages: meant.length, recipients, sample, ...offered }
  }
  const id = jobId()
  if (token === undefined && filter.ids?.length !== 1)
    throw new CallRefused(409, 'Ask with dryRun: true first, and then with its token')
  const taken = token === undefined ? undefined : await previews.take(token, { order, by: caller, now, job: id })
  if (taken && taken.job !== id) return already(taken.job, deps)
  async function* work(signal: AbortSignal): AsyncGenerator<{ changed: number }> {
    for (const { entry, desk } of meant) {
      if (signal.aborted) return
      if (action === 'delete') yield { changed: (await desk.delete(entry.id)) ? 1 : 0 }
      else {
        const outcomes = (await desk.release(entry.id, { signal })) ?? []
        yield { changed: outcomes.length > 0 && outcomes.every(({ released }) => released) ? 1 : 0 }
      }
    }
  }
  const target = filter.ids ? filter.ids.slice(0, 3).join(' ') : JSON.stringify(filter)
  return begin({ id, kind: `${action} from quarantine`, total: meant.length, target }, context, { ...deps, work })
}

/** The messages of an order, as they are now: what came later is not meant. */
async function meantBy(
  { filter }: Body,
  deps: ActingDeps,
  { now, signal }: { readonly now: number; readonly signal: AbortSignal },
) {
  const ids = filter.ids && new Set(filter.ids)
  const meant: { readonly entry: QuarantinedMessage; readonly desk: QuarantineDesk }[] = []
  for (const { desk } of desksOf(deps))
    for await (const entry of desk.list(signal)) {
      if (ids && !ids.has(entry.id)) continue
      if (filter.q !== undefined && !fits(entry, filter.q)) continue
      if (filter.olderMs !== undefined && now - entry.at < filter.olderMs) continue
      meant.push({ entry, desk })
    }
  return meant
}

async function listed(
  desks: ReturnType<typeof desksOf>,
  { q, signal }: { readonly q: string; readonly signal: AbortSignal },
): Promise<{ readonly items: Kept[]; readonly total: number }> {
  const items: Kept[] = []
  let total = 0
  for (const { desk } of desks)
    for await (const entry of desk.list(signal)) {
      total++
      if (items.length < LOOK_LIMIT && fits(entry, q)) items.push(shown(entry))
    }
  return { items, total }
}

function fits({ id, from, to, subject = '', reason }: QuarantinedMessage, q: string): boolean {
  const wanted = q.trim().toLowerCase()
  return wanted === '' || [id, from, ...to, subject, reason].some((text) => text.toLowerCase().includes(wanted))
}

function keyOf({ at, id }: Pick<Kept, 'at' | 'id'>): string {
  return `${String(at).padStart(15, '0')}-${id}`
}

/** What a schema says: absent, not undefined. */
function shown({ to, subject, helo, identity, ...entry }: QuarantinedMessage): Kept {
  return {
    ...entry,
    to: [...to],
    ...(subject !== undefined && { subject }),
    ...(helo !== undefined && { helo }),
    ...(identity !== undefined && { identity }),
  }
}
