/** The REST API, as Mailpit has it: lists, searches, what is read, tags, and sending. What Mailpit has not says so. */
import { problem } from '@postroad/http'
import { type HttpContext, type HttpRoute, SendError } from '@postroad/plugin'
import type { Collection } from './collection.ts'
import { own } from './own-site.ts'
import { ALL, conditionOf, type MailCondition, withIds } from './query.ts'
import { compose, readSending, type Sender } from './send.ts'
import { summaryOf } from './shape.ts'

/** What the API works with. */
export interface ApiDeps {
  readonly collection: Collection
  /** Sends into the same server, as a client would. */
  readonly send: Sender
  readonly version: string
  /** How it behaves, in sentences. */
  readonly rules: readonly string[]
  readonly startedAt: number
  /** Where mail is taken. */
  place(): string
  /** Messages and their octets that came since the start. */
  accepted(): { readonly messages: number; readonly octets: number; readonly refused: number }
}

/** Octets of a request that has messages' ids, or a message to send. */
const IDS = 4_194_304
const MESSAGE = 67_108_864
const MOST_LISTED = 1_000

/** The routes. */
export function apiRoutes(deps: ApiDeps): readonly HttpRoute[] {
  const { collection } = deps
  return [
    own({
      method: 'GET',
      path: '/api/v1/info',
      summary: 'What runs here, and how much it has',
      handler: () => Response.json(infoOf(deps)),
    }),
    own({
      method: 'GET',
      path: '/api/v1/webui',
      summary: 'What the page may do',
      handler: () => Response.json(webuiOf()),
    }),
    own({
      method: 'GET',
      path: '/api/v1/messages',
      summary: 'Messages, newest first',
      handler: ({ url }) => listed(collection, ALL, url),
    }),
    own({
      method: 'GET',
      path: '/api/v1/search',
      summary: 'Messages that a query finds, newest first',
      handler: ({ url }) => {
        const query = url.searchParams.get('query') ?? ''
        return query.trim() === ''
          ? problem(400, 'Error: no search query')
          : listed(collection, conditionOf(query), url)
      },
    }),
    own({
      method: 'DELETE',
      path: '/api/v1/search',
      summary: 'Deletes what a query finds',
      async handler({ url }) {
        const query = url.searchParams.get('query') ?? ''
        if (query.trim() === '') return problem(400, 'Error: no search query')
        await collection.delete(conditionOf(query))
        return ok()
      },
    }),
    own({
      method: 'PUT',
      path: '/api/v1/messages',
      summary: 'Marks messages as read or unread: those of IDs, of a Search, or all',
      bodyLimit: IDS,
      handler: withBody(({ IDs, Search, Read = false }) => {
        if (typeof Read !== 'boolean') return problem(400, 'Read: true or false')
        const which = selected(IDs, Search)
        if (which instanceof Response) return which
        collection.setRead(which, Read)
        return ok()
      }),
    }),
    own({
      method: 'DELETE',
      path: '/api/v1/messages',
      summary: 'Deletes messages: those of IDs, or all',
      bodyLimit: IDS,
      handler: withBody(async ({ IDs }) => {
        const which = selected(IDs, undefined)
        if (which instanceof Response) return which
        await collection.delete(which)
        return ok()
      }),
    }),
    ...tagRoutes(collection),
    own({
      method: 'POST',
      path: '/api/v1/send',
      summary: 'Sends a message into this server',
      bodyLimit: MESSAGE,
      handler: withBody((body) => sent(deps.send, body)),
    }),
  ]
}

function tagRoutes(collection: Collection): readonly HttpRoute[] {
  const rename = async (from: string, to: string | undefined): Promise<void> => {
    const { entries } = collection.find(
      { sql: 'EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)', values: [from] },
      { start: 0, limit: -1 },
    )
    for (const { id, tags } of entries) {
      const others = tags.filter((tag) => tag !== from)
      collection.setTags([id], to === undefined ? others : [...new Set([...others, to])])
    }
  }
  return [
    own({
      method: 'GET',
      path: '/api/v1/tags',
      summary: 'All tags',
      handler: () => Response.json([...collection.tags().keys()]),
    }),
    own({
      method: 'PUT',
      path: '/api/v1/tags',
      summary: 'Sets the tags of messages',
      bodyLimit: IDS,
      handler: withBody(({ IDs, Tags = [] }) => {
        if (!isTexts(IDs) || IDs.length === 0) return problem(400, 'IDs: a list of ids')
        if (!isTexts(Tags)) return problem(400, 'Tags: a list of texts')
        collection.setTags(IDs, [...new Set(Tags.map(tagOf).filter((tag) => tag !== ''))])
        return ok()
      }),
    }),
    own({
      method: 'PUT',
      path: '/api/v1/tags/:tag',
      summary: 'Gives a tag another name',
      handler: (context) =>
        withBody(async ({ Name }) => {
          const name = typeof Name === 'string' ? tagOf(Name) : ''
          if (name === '') return problem(400, 'Name: the new name of the tag')
          await rename(context.params['tag'] ?? '', name)
          return ok()
        })(context),
    }),
    own({
      method: 'DELETE',
      path: '/api/v1/tags/:tag',
      summary: 'Takes a tag from all messages',
      async handler({ params }) {
        await rename(params['tag'] ?? '', undefined)
        return ok()
      },
    }),
  ]
}

/** As Mailpit: what may be in a tag. */
function tagOf(text: string): string {
  return text
    .replace(/[^a-zA-Z0-9\-. _@]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 100)
}

function listed(collection: Collection, which: MailCondition, url: URL): Response {
  const start = wholeOf(url, 'start', 0)
  const limit = wholeOf(url, 'limit', 50)
  if (start instanceof Response) return start
  if (limit instanceof Response) return limit
  const { entries, count, unread } = collection.find(which, { start, limit: Math.min(limit, MOST_LISTED) })
  const { total, unread: allUnread } = collection.counts
  return Response.json({
    total,
    unread: allUnread,
    count: entries.length,
    messages_count: count,
    messages_unread: unread,
    start,
    tags: [...collection.tags().keys()],
    messages: entries.map(summaryOf),
  })
}

function wholeOf(url: URL, name: string, missing: number): number | Response {
  const text = url.searchParams.get(name)
  if (text === null || text === '') return missing
  const value = Number(text)
  return Number.isSafeInteger(value) && value >= 0
    ? value
    : problem(400, `${name}: a whole number, not ${text.slice(0, 50)}`)
}

/** Those that are named, or all when none are. */
function selected(ids: unknown, search: unknown): MailCondition | Response {
  if (ids !== undefined && ids !== null && !isTexts(ids)) return problem(400, 'IDs: a list of ids')
  if (isTexts(ids) && ids.length > 0) return withIds(ids)
  if (search === undefined || search === null || search === '') return ALL
  return typeof search === 'string' ? conditionOf(search) : problem(400, 'Search: a text')
}

async function sent(send: Sender, body: Readonly<Record<string, unknown>>): Promise<Response> {
  const read = readSending(body)
  if (typeof read === 'string') return problem(400, read)
  try {
    const { id } = await send(compose(read))
    return Response.json({ ID: id })
  } catch (error) {
    if (error instanceof SendError) return problem(error.isTemporary ? 503 : 400, error.message)
    if (error instanceof TypeError) return problem(400, error.message)
    throw error
  }
}

function infoOf({ collection, version, startedAt, accepted, rules, place }: ApiDeps) {
  const { total, unread, octets, dropped } = collection.counts
  const { messages, octets: acceptedOctets, refused } = accepted()
  return {
    Version: version,
    LatestVersion: version,
    Database: '',
    DatabaseSize: octets,
    Messages: total,
    Unread: unread,
    Tags: Object.fromEntries(collection.tags()),
    RuntimeStats: {
      Uptime: Math.floor((Date.now() - startedAt) / 1_000),
      Memory: process.memoryUsage().rss,
      MessagesDeleted: dropped,
      SMTPAccepted: messages,
      SMTPAcceptedSize: acceptedOctets,
      SMTPRejected: refused,
      SMTPIgnored: 0,
    },
    Postroad: { Mail: place(), Dropped: dropped, Rules: rules },
  }
}

function webuiOf() {
  return {
    Label: '',
    MessageRelay: {
      Enabled: false,
      SMTPServer: '',
      ReturnPath: '',
      AllowedRecipients: '',
      BlockedRecipients: '',
      OverrideFrom: '',
      PreserveMessageIDs: false,
    },
    SpamAssassin: false,
    ChaosEnabled: false,
    DuplicatesIgnored: false,
    HideDeleteAllButton: false,
  }
}

/** A body of JSON, or none at all; a program may have forgotten to say what it is. */
function withBody(
  handle: (body: Readonly<Record<string, unknown>>) => Response | Promise<Response>,
): (context: HttpContext) => Promise<Response> {
  return async ({ request }) => {
    const text = await request.text()
    let body: unknown
    try {
      body = text.trim() === '' ? {} : JSON.parse(text)
    } catch {
      return problem(400, 'The body is not JSON')
    }
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return problem(400, 'The body is no object')
    return handle(body as Record<string, unknown>) // an object, looked at above
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** As Mailpit says it. */
function ok(): Response {
  return new Response('ok', { headers: { 'content-type': 'text/plain; charset=utf-8' } })
}
