/** The routes: from a request to an answer. */
import type { Host, HttpContext, HttpReply, HttpRoute, Logger, Queue } from '@postroad/plugin'
import { QueueDesk } from '@postroad/queue-engine'
import { checked } from './check.ts'
import type { InjectionClient } from './client.ts'
import { type Idempotency, type RequestAnswer, readKey } from './idempotency.ts'
import { readJson } from './json.ts'
import type { InjectionOptions } from './options.ts'
import { below, RequestRefused } from './refusal.ts'
import { type MessageReading, type Outgoing, readMessage } from './request.ts'
import { batch as batchSchema, type MessageInput, message as messageSchema } from './schema.ts'
import { simpleMessage } from './simple.ts'
import { cancel, stateOf } from './state.ts'
import { submit, type TakenMessage } from './submit.ts'
import { readTemplate } from './template.ts'

/** What the routes are made of. */
export interface RoutesDeps {
  readonly options: InjectionOptions
  readonly queue: Queue
  readonly host: Host
  readonly log: Logger
  now(): number
  readonly clientOf: (token: string) => InjectionClient
  readonly idempotency: Idempotency
  /** Of templates, absolute. */
  readonly folder: string | undefined
}

const MESSAGE_TIMEOUT = 60_000
const BATCH_TIMEOUT = 300_000
/** Messages of one request that are on their way at the same time: they share syncs of the disk. */
const ABREAST = 20

/** All of them. */
export function routesFor(deps: RoutesDeps): readonly HttpRoute[] {
  const injection = new Injection(deps)
  // Base64 takes a third more; the rest is what stands around it.
  const bodyLimit = Math.ceil(deps.options.size * 1.4) + 65_536
  const common = { access: 'send', timeout: MESSAGE_TIMEOUT } as const
  return [
    {
      ...common,
      method: 'POST',
      path: '/v1/messages',
      summary: 'Sends a message: JSON, or message/rfc822 with from and to in the query',
      bodyLimit,
      handler: (context) => injection.post(context, (body, client) => injection.message(body, client, context)),
    },
    {
      ...common,
      timeout: BATCH_TIMEOUT,
      method: 'POST',
      path: '/v1/messages/batch',
      summary: 'Sends several messages',
      bodyLimit,
      handler: (context) => injection.post(context, (body, client) => injection.batch(body, client, context)),
    },
    {
      ...common,
      method: 'GET',
      path: '/v1/messages/:id',
      summary: 'What has become of a message',
      handler: (context) =>
        injection.answer(context, async (client) =>
          json(200, JSON.stringify(await stateOf(deps.host, context.params['id'] ?? '', client))),
        ),
    },
    {
      ...common,
      method: 'DELETE',
      path: '/v1/messages/:id',
      summary: 'Takes back a message that waits for its time',
      handler: (context) =>
        injection.answer(context, async (client) => {
          await cancel(deps.host, context.params['id'] ?? '', client)
          return { status: 204 }
        }),
    },
  ]
}

/** A body that has been read, and who sends it. */
interface Body {
  readonly octets: Buffer
  /** `application/json` or `message/rfc822`. */
  readonly type: string
  /** The same for the same request, where it has a key. */
  readonly name: string | undefined
}

class Injection {
  readonly #deps: RoutesDeps
  #reading = 0

  constructor(deps: RoutesDeps) {
    this.#deps = deps
  }

  async answer(context: HttpContext, work: (client: InjectionClient) => Promise<HttpReply>): Promise<HttpReply> {
    try {
      return await work(this.#deps.clientOf(context.caller?.name ?? ''))
    } catch (error) {
      if (error instanceof RequestRefused) return error.reply
      throw error
    }
  }

  /** Reads the body, within what all bodies together may take, and answers it once. */
  post(
    context: HttpContext,
    work: (body: Body, client: InjectionClient) => Promise<RequestAnswer>,
  ): Promise<HttpReply> {
    return this.answer(context, async (client) => {
      const { headers } = context.request
      const key = readKey(headers.get('idempotency-key'))
      const type = typeOf(headers)
      const size = Number(headers.get('content-length') ?? client.size)
      if (this.#reading > 0 && this.#reading + size > this.#deps.options.memory)
        throw new RequestRefused(503, { detail: 'Too many octets are being read now', headers: { 'retry-after': '1' } })
      this.#reading += size
      try {
        const octets = await context.body()
        if (key === undefined) return replyOf(await work({ octets, type, name: undefined }, client))
        const { url } = context
        const about = `${url.pathname}${url.search} ${type}`
        const asked = { caller: client.name, key, body: octets, about }
        return replyOf(await this.#deps.idempotency.once(asked, (name) => work({ octets, type, name }, client)))
      } finally {
        this.#reading -= size
      }
    })
  }

  async message({ octets, type, name }: Body, client: InjectionClient, context: HttpContext): Promise<RequestAnswer> {
    const isWhole = type === 'message/rfc822'
    const input = isWhole ? queryInput(context.url) : checkedMessage(readJson(octets))
    const outgoing = await readMessage(input, this.#readingFor(client, name), isWhole ? { octets } : {})
    if (input.recipients) return many(await this.#sendAll(outgoing, client, { name, context }))
    const [only] = outgoing
    if (!only) throw new Error('a message was read and there is none')
    const body = JSON.stringify(await this.#send(only, client, { name, context, at: 0 }))
    return { status: 202, body, isFinal: true }
  }

  async batch({ octets, type, name }: Body, client: InjectionClient, context: HttpContext): Promise<RequestAnswer> {
    if (type !== 'application/json') throw new RequestRefused(415, { detail: 'This takes application/json' })
    const { messages, allValid } = checkedBatch(readJson(octets), this.#deps.options.maxMessages)
    const reading = this.#readingFor(client, name)
    const read: (Outgoing | RequestRefused)[] = []
    for (const [at, each] of messages.entries())
      read.push(
        ...(each instanceof RequestRefused ? [each] : await readMessage(each, reading, { at }).catch(refusalOnly)),
      )
    const refusals = read.filter((each) => each instanceof RequestRefused)
    if (allValid && refusals.length > 0) {
      const faults = messages.flatMap((each, at) => {
        const refusal = each instanceof RequestRefused ? each : read[at]
        return refusal instanceof RequestRefused
          ? below(['messages', at], refusal.options.faults ?? [{ pointer: '#', detail: refusal.message }])
          : []
      })
      throw new RequestRefused(422, { detail: 'Nothing was sent', faults: faults.slice(0, 50) })
    }
    return many(await this.#sendAll(read, client, { name, context }))
  }

  #readingFor(client: InjectionClient, key: string | undefined): MessageReading {
    const { options, host, now, folder } = this.#deps
    return {
      client,
      key,
      now: now(),
      horizon: options.horizon,
      canHold: () => host.desks(QueueDesk).length > 0,
      templateOf: async (name) => (folder === undefined ? undefined : readTemplate(folder, name)),
    }
  }

  async #sendAll(
    all: readonly (Outgoing | RequestRefused)[],
    client: InjectionClient,
    how: How,
  ): Promise<readonly (TakenMessage | RequestRefused)[]> {
    const results: (TakenMessage | RequestRefused)[] = []
    let next = 0
    const work = async (): Promise<void> => {
      for (let at = next++; at < all.length; at = next++) {
        const each = all[at]
        if (each)
          results[at] =
            each instanceof RequestRefused ? each : await this.#send(each, client, { ...how, at }).catch(refusalOf)
      }
    }
    await Promise.all(Array.from({ length: Math.min(ABREAST, all.length) }, work))
    return results
  }

  #send(
    message: Outgoing,
    client: InjectionClient,
    { name, context, at }: How & { readonly at: number },
  ): Promise<TakenMessage> {
    const { queue, options, now } = this.#deps
    const once = name === undefined ? undefined : { key: `${name.slice(0, 40)}.${at}`, until: now() + options.remember }
    return submit(message, { queue, scope: options.scope, identity: client.name, signal: context.signal, once })
  }
}

interface How {
  readonly name: string | undefined
  readonly context: HttpContext
}

/** What came of several: 207 where they differ. */
function many(results: readonly (TakenMessage | RequestRefused)[]): RequestAnswer {
  const refused = results.filter((each) => each instanceof RequestRefused)
  const accepted = results.length - refused.length
  const [first] = refused
  // What may be taken later is worth another request, with the same key: what is there is not taken again.
  if (accepted === 0 && first && isTemporary(first.status) && refused.every(({ status }) => status === first.status))
    throw new RequestRefused(first.status, first.options)
  const shown = results.map((each) => (each instanceof RequestRefused ? each.problem : { status: 202, ...each }))
  const status = refused.length === 0 ? 202 : 207
  const body = JSON.stringify({ accepted, refused: refused.length, results: shown })
  return { status, body, isFinal: !refused.some(({ status }) => isTemporary(status)) }
}

function isTemporary(status: number): boolean {
  return status === 429 || status >= 500
}

function replyOf({ status, body, isReplay }: RequestAnswer & { readonly isReplay?: boolean }): HttpReply {
  return json(status, body, isReplay ? { 'idempotency-replayed': 'true' } : undefined)
}

function json(status: number, body: string, headers?: Readonly<Record<string, string>>): HttpReply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body }
}

/** A form, which any page may send, cannot say that it is JSON, or a message. */
function typeOf(headers: Headers): string {
  const [type = ''] = (headers.get('content-type') ?? '').toLowerCase().split(';')
  const found = type.trim()
  if (found === 'application/json' || found === 'message/rfc822') return found
  throw new RequestRefused(415, {
    detail: 'This takes application/json, or message/rfc822',
    headers: { accept: 'application/json, message/rfc822' },
  })
}

const QUERY = ['from', 'to', 'at', 'tag'] as const

/** A whole message: its envelope is in the query, or in its own fields. */
function queryInput({ searchParams }: URL): MessageInput {
  const faults = [...new Set(searchParams.keys())]
    .filter((key) => !QUERY.some((known) => known === key))
    .map((key) => ({ pointer: `?${encodeURIComponent(key)}`, detail: `is not known: there are ${QUERY.join(', ')}` }))
  if (faults.length > 0) throw new RequestRefused(422, { faults })
  const to = searchParams.getAll('to').flatMap((text) => text.split(','))
  const tags = searchParams.getAll('tag')
  const from = searchParams.get('from')
  const at = searchParams.get('at')
  const said = {
    ...(from === '' ? { returnPath: null } : from !== null && { from }),
    ...(to.length > 0 && { to: to.map((text) => text.trim()) }),
    ...(at !== null && { at }),
    ...(tags.length > 0 && { tags }),
  }
  return checked(messageSchema, said)
}

/** Each by itself: what is wrong with one is the fault of that one. */
function checkedBatch(
  value: unknown,
  most: number,
): { readonly messages: readonly (MessageInput | RequestRefused)[]; readonly allValid: boolean } {
  const list = typeof value === 'object' && value !== null && 'messages' in value ? value.messages : undefined
  if (!Array.isArray(list)) return checked(batchSchema, value)
  const { messages: _, ...rest } = value as { messages: unknown } // an object, as was seen
  const { allValid } = checked(batchSchema, { ...rest, messages: list.length === 0 ? [] : [{}] })
  if (list.length > most)
    throw new RequestRefused(422, { faults: [{ pointer: '#/messages', detail: `has more than ${most} entries` }] })
  return { allValid, messages: list.map((each) => checkedOne(each)) }
}

function checkedMessage(value: unknown): MessageInput {
  return simpleMessage(value) ?? checked(messageSchema, value)
}

function checkedOne(value: unknown): MessageInput | RequestRefused {
  try {
    const input = checkedMessage(value)
    return input.recipients
      ? new RequestRefused(422, { faults: [{ pointer: '#/recipients', detail: 'is for a request of its own' }] })
      : input
  } catch (error) {
    return refusalOf(error)
  }
}

function refusalOf(error: unknown): RequestRefused {
  if (error instanceof RequestRefused) return error
  throw error
}

function refusalOnly(error: unknown): readonly RequestRefused[] {
  return [refusalOf(error)]
}
