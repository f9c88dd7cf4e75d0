/** From calls of the table to routes: what is asked is checked, what is answered is stamped. */
import type { ApiAnswer, ApiCall } from '@postroad/admin-api'
import { calls } from '@postroad/admin-api/zod'
import { problem } from '@postroad/http'
import type { HttpContext, HttpRoute } from '@postroad/plugin'
import type { z } from 'zod'

/** An answer without what stands in every one. */
export type CallAnswer<K extends ApiCall> = Omit<ApiAnswer<K>, 'generation' | 'workers'> &
  Partial<Pick<Stamp, 'workers'>>

/** What stands in every answer. */
export interface Stamp {
  readonly generation: number
  readonly workers: { readonly asked: number; readonly answered: number }
}

type Calls = typeof calls
type Parsed<C, Key extends string> = C extends { readonly [K in Key]: infer S extends z.ZodType }
  ? z.output<S>
  : undefined

/** A request, checked. */
export interface AskedCall<K extends ApiCall> {
  readonly context: HttpContext
  readonly query: Parsed<Calls[K], 'query'>
  readonly body: Parsed<Calls[K], 'body'>
  /** Whoever asks; of a call for everybody perhaps nobody. */
  readonly caller: string
}

type Handler<K extends ApiCall> = (asked: AskedCall<K>) => Promise<CallAnswer<K> | Response> | CallAnswer<K> | Response

/** What a server can answer: calls that are not there are 404, and not in `can`. */
export type CallHandlers = { readonly [K in ApiCall]?: Handler<K> | undefined }

/** Thrown by handlers: what the caller is told. */
export class CallRefused extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail)
    this.name = 'CallRefused'
    this.status = status
    this.headers = headers
  }
}

/** Octets of a body where a call says nothing else. */
const BODY = 65_536
const MESSAGE = 52_428_800

/** Pages and collectors ask for these; what they take is bounded by the queue and the disk. */
const TIMEOUT = 60_000

/** One route a call that somebody answers. */
export function routesFor(handlers: CallHandlers, stamp: () => Stamp): readonly HttpRoute[] {
  return (Object.keys(calls) as ApiCall[]).flatMap((name) => {
    const handler = handlers[name]
    // `as`: which answer belongs to which call was checked where the handlers were written down.
    return handler ? [routeFor(name, handler as Handler<ApiCall>, stamp)] : []
  })
}

function routeFor(name: ApiCall, handler: Handler<ApiCall>, stamp: () => Stamp): HttpRoute {
  const call: (typeof calls)[ApiCall] = calls[name]
  const { method, path, summary } = call
  return {
    method,
    path,
    access: call.access === 'public' ? 'login' : call.access,
    summary,
    bodyLimit: 'takes' in call ? MESSAGE : name === 'queueAction' || name === 'quarantineAction' ? 1_048_576 : BODY,
    timeout: TIMEOUT,
    async handler(context) {
      try {
        const query = 'query' in call ? parsed(call.query, queryOf(context.url), 'query') : undefined
        const body = 'body' in call ? parsed(call.body, await bodyOf(context.request), 'body') : undefined
        if ('takes' in call) isOf(call.takes, context.request)
        const asked = { context, query, body, caller: context.caller?.name ?? 'nobody' }
        const answer = await handler(asked as AskedCall<ApiCall>) // parsed by the schemas of this very call
        return answer instanceof Response ? answer : Response.json({ ...stamp(), ...answer })
      } catch (error) {
        if (error instanceof CallRefused) return problem(error.status, error.message, error.headers)
        // Sentences for operators, as commands say them: of what was asked for that cannot be.
        if (error instanceof TypeError && !('cause' in error) && isOrder(name)) return problem(400, error.message)
        if (error instanceof Error && error.name === 'QueueError') return problem(503, error.message)
        throw error
      }
    },
  }
}

function isOrder(name: ApiCall): boolean {
  return name === 'queueAction' || name === 'messages' || name === 'suspend'
}

function queryOf(url: URL): Readonly<Record<string, unknown>> {
  const query = new Map<string, unknown>()
  for (const key of new Set(url.searchParams.keys())) {
    const all = url.searchParams.getAll(key)
    query.set(key, all.length > 1 ? all : all[0])
  }
  return Object.fromEntries(query)
}

/** A form, which any page may send, cannot say that it is JSON, or a message. */
function isOf(wanted: string, request: Request): void {
  const [type = ''] = (request.headers.get('content-type') ?? '').toLowerCase().split(';')
  if (type.trim() !== wanted) throw new CallRefused(415, `This takes ${wanted}`)
}

async function bodyOf(request: Request): Promise<unknown> {
  isOf('application/json', request)
  const text = await request.text()
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    throw new CallRefused(400, 'The body is no JSON')
  }
}

function parsed(schema: z.ZodType, value: unknown, what: string): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const place = issue?.path.join('.') || what
  throw new CallRefused(400, `${place}: ${issue?.message ?? 'cannot be read'}`)
}
