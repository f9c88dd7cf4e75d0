/** What is behind a listener: from a request to the answer of the route it is for, and who may ask. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { LOOPBACK } from '@postroad/listener'
import type { Endpoint } from '@postroad/mail'
import type { HttpCaller, HttpContext, HttpIdentify, HttpReply, HttpRoute, Logger } from '@postroad/plugin'
import { Hono } from 'hono'
import { type BodyLimit, limitBody } from './body-limit.ts'
import { guarded } from './guard.ts'
import { DEFAULT_HTTP_LIMITS, type HttpListenerOptions, isLocal, isLoopback, isServed } from './options.ts'
import { problem } from './problem.ts'
import { isReply, SENT, sendReply } from './reply.ts'
import { type OwnedRoute, routeMistakes } from './route.ts'
import type { Streams } from './streams.ts'
import { callerOf, type Tokens, type WrongTokens } from './token.ts'

/** What is beside a request: as @hono/node-server has it, without its types, which no program that uses this package should need. */
export interface HttpBindings {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** How a request was answered, for logs and metrics. */
export interface HttpAnswer {
  readonly listener: string
  readonly method: string
  /** The path as the route has it, not as it was asked for; undefined when there is none. */
  readonly path: string | undefined
  readonly plugin: string | undefined
  readonly status: number
  /** Milliseconds to the header section of the answer. */
  readonly took: number
  readonly caller: string | undefined
  readonly remote: Endpoint
}

/** What a listener serves. */
export interface HttpSite {
  readonly routes: readonly OwnedRoute[]
  /** Who asks, where a cookie is shown and no token: the first who knows. */
  readonly identify?: readonly HttpIdentify[]
  /** Milliseconds since the epoch. */
  now(): number
  /** Where the plugin's lines go. */
  logOf(plugin: string): Logger
  /** A handler is about to be called; what it gives is called when the answer was sent, or the client is gone. */
  begin?(): () => void
  onAnswer?(answer: HttpAnswer): void
  onConnection?(change: HttpConnection): void
}

/** A connection that was let in, or is gone; `reason`: which side closed it. */
export type HttpConnection = { readonly listener: string } & (
  | { readonly state: 'opened' }
  | { readonly state: 'closed'; readonly reason: 'client' | 'server' }
)

/** What the listener keeps over reloads. */
export interface Doorkeeper {
  readonly wrongTokens: WrongTokens
  readonly tokens: Tokens
  readonly streams: Streams
}

type Env = { Bindings: HttpBindings }
/** Answers a request. Never rejects. */
export type SiteAnswer = (request: Request, bindings: HttpBindings) => Promise<Response>

/** @throws {TypeError} when routes are the same, or cannot be */
export function createSite(options: HttpListenerOptions, site: HttpSite, door: Doorkeeper): SiteAnswer {
  const mistakes = routeMistakes(site.routes)
  if (mistakes.length > 0) throw new TypeError(mistakes.join('; '))
  return new Site(options, site, door).answer
}

/** For logs alone: what other servers write when the client did not wait. */
const CLIENT_GONE = 499
const DEFAULT_BODY = 65_536
const DEFAULT_TIMEOUT = 30_000

class Site {
  readonly #options: HttpListenerOptions
  readonly #site: HttpSite
  readonly #door: Doorkeeper
  readonly #app = new Hono<Env>()
  readonly #exact = new Map<string, OwnedRoute>()
  readonly #hosts: ReadonlySet<string> | undefined
  readonly #anonymous: HttpCaller | undefined

  constructor(options: HttpListenerOptions, site: HttpSite, door: Doorkeeper) {
    const { path, anonymous = path === undefined ? 'none' : 'admin' } = options
    this.#options = options
    this.#site = site
    this.#door = door
    this.#hosts = path === undefined ? hostsOf(options) : undefined
    this.#anonymous =
      anonymous === 'none' ? undefined : callerOf(path === undefined ? 'anonymous' : 'socket', [anonymous])
    this.#mount()
  }

  readonly answer: SiteAnswer = async (request, bindings) => {
    const misdirected = this.#hosts && !this.#hosts.has(hostNameOf(request))
    const answered = misdirected
      ? this.#log(problem(421, 'This server does not answer to that name'), { request, bindings })
      : await this.#find(request, bindings)
    return answered === SENT ? SENT : guarded(answered)
  }

  /** Most requests are for a path that is written out, and need no search. */
  #find(request: Request, bindings: HttpBindings): Response | Promise<Response> {
    const { method, url = '' } = bindings.incoming
    const query = url.indexOf('?')
    const owned = this.#exact.get(`${method} ${query < 0 ? url : url.slice(0, query)}`)
    return owned ? this.#serve(owned, { request, bindings, params: {} }) : this.#app.fetch(request, bindings)
  }

  #mount(): void {
    let hasPattern = false
    const methods = new Map<string, string[]>()
    for (const owned of this.#served()) {
      const { method, path } = owned.route
      methods.set(path, [...(methods.get(path) ?? []), method])
      hasPattern ||= /[:*]/.test(path)
      // Of two routes for one path the first is it, as the search has it.
      if (!hasPattern) this.#exact.set(`${method} ${path}`, owned)
      this.#app.on(method, path, (c) =>
        this.#serve(owned, { request: c.req.raw, bindings: c.env, params: c.req.param() }),
      )
    }
    for (const [path, allowed] of methods) {
      const allow = allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
      this.#app.all(path, (c) =>
        this.#log(problem(405, undefined, { allow }), { request: c.req.raw, bindings: c.env, path }),
      )
    }
    this.#app.notFound((c) => this.#log(problem(404), { request: c.req.raw, bindings: c.env }))
  }

  #served(): readonly OwnedRoute[] {
    return this.#site.routes.filter(({ route }) => isServed(route.access, this.#options.routes))
  }

  async #serve(
    owned: OwnedRoute,
    asked: { request: Request; bindings: HttpBindings; params: Readonly<Record<string, string>> },
  ): Promise<Response> {
    const { request, bindings, params } = asked
    const began = performance.now()
    const remote = remoteOf(bindings)
    const { access, path } = owned.route
    const found = await this.#callerOf(request, remote)
    const refusal =
      access === 'public' || access === 'link'
        ? undefined
        : found instanceof Response
          ? found
          : (refused(found, access) ?? foreign(request, access))
    const caller = found instanceof Response ? undefined : found
    const answer = refusal ?? (await this.#run(owned, { request, bindings, params, remote, caller }))
    this.#log(answer, { request, bindings, path, plugin: owned.plugin, caller, began })
    return answer instanceof Response ? answer : SENT
  }

  async #run(
    { plugin, route }: OwnedRoute,
    {
      request,
      bindings,
      params,
      remote,
      caller,
    }: Pick<HttpContext, 'request' | 'params' | 'remote' | 'caller'> & { bindings: HttpBindings },
  ): Promise<Response | HttpReply> {
    const log = this.#site.logOf(plugin)
    const { incoming, outgoing } = bindings
    const body = limitBody(request, incoming, route.bodyLimit ?? DEFAULT_BODY)
    if (body.isTooLarge()) return tooLarge(body)
    const over = new AbortController()
    let hasStream = false
    // Nobody reads the answer any more, and the handler may never come to an end.
    const left = new Promise<Response>((resolve) => {
      outgoing.once('close', () => {
        // Most often all was said, and nobody waits to hear of it.
        if (!hasStream && outgoing.writableFinished) return
        over.abort()
        resolve(new Response(null, { status: CLIENT_GONE }))
      })
    })
    const { signal } = over
    let url: URL | undefined
    const context: HttpContext = {
      get request() {
        return body.request
      },
      get url() {
        url ??= new URL(request.url)
        return url
      },
      body: () => body.read(),
      params,
      caller,
      remote,
      listener: this.#options.name,
      signal,
      log,
      now: () => this.#site.now(),
    }
    let timer: NodeJS.Timeout | undefined
    const timeUp = new Promise<Response>((resolve) => {
      timer = setTimeout(() => {
        over.abort()
        log.warn({ method: route.method, path: route.path }, 'a route did not answer in time')
        // Nothing more is read of what comes so slowly.
        if (!incoming.complete)
          return resolve(problem(408, 'The request did not come in time', { connection: 'close' }))
        resolve(problem(503, 'No answer in time, try again later'))
      }, route.timeout ?? DEFAULT_TIMEOUT)
    })
    const end = this.#site.begin?.()
    if (end) outgoing.once('close', end)
    const { streams } = this.#door
    const turn = streams.turn
    try {
      const answer = await Promise.race([Promise.resolve(route.handler(context)), timeUp, left])
      if (body.isTooLarge()) return tooLarge(body)
      hasStream = isStream(answer)
      if (hasStream) streams.add(over, { turn, outgoing })
      if (answer instanceof Response) return answer
      if (!isReply(answer))
        throw new TypeError('the handler did not answer with a Response, or { status, headers, body }')
      sendReply(outgoing, answer)
      return answer
    } catch (error) {
      if (body.isTooLarge()) return tooLarge(body)
      // Its body did not end: nobody is there to be answered.
      if (incoming.destroyed && !incoming.complete) return new Response(null, { status: CLIENT_GONE })
      log.error({ error, method: route.method, path: route.path }, 'a route failed')
      return problem(500)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Who asks; an answer when what was shown is not believed. */
  #callerOf(request: Request, remote: Endpoint): HttpCaller | Response | undefined | Promise<HttpCaller | undefined> {
    const shown = request.headers.get('authorization')
    if ((this.#options.routes ?? 'all') !== 'all') return this.#anonymous
    if (shown === null) return request.headers.has('cookie') ? this.#identified(request, remote) : this.#anonymous
    const now = this.#site.now()
    const { wrongTokens } = this.#door
    const most = this.#options.limits?.wrongTokens ?? DEFAULT_HTTP_LIMITS.wrongTokens
    const wait = wrongTokens.waitOf(remote.address, most, now)
    if (wait > 0) return problem(429, 'Too many wrong tokens', { 'retry-after': String(Math.ceil(wait / 1000)) })
    const [, secret] = /^Bearer +([\x21-\x7e]{1,512}) *$/i.exec(shown) ?? []
    const caller = secret === undefined ? undefined : this.#door.tokens.find(secret, now)
    if (caller) return caller
    wrongTokens.add(remote.address, now)
    return unauthorized('invalid_token')
  }

  /** By a cookie that a plugin has given; what it throws is as if it knew nobody. */
  async #identified(request: Request, remote: Endpoint): Promise<HttpCaller | undefined> {
    const { identify = [] } = this.#site
    const asked = {
      request,
      remote,
      listener: this.#options.name,
      now: () => this.#site.now(),
      tokenOf: (name: string) => this.#door.tokens.named(name, this.#site.now()),
    }
    for (const ask of identify) {
      try {
        const caller = await ask(asked)
        if (caller) return caller
      } catch (error) {
        this.#site.logOf('http').error({ error }, 'who shows a cookie could not be told')
      }
    }
    return this.#anonymous
  }

  #log<A extends Response | HttpReply>(
    answer: A,
    asked: { request: Request; bindings: HttpBindings } & Partial<Logged>,
  ): A {
    const { request, bindings, path, plugin, caller, began } = asked
    this.#site.onAnswer?.({
      listener: this.#options.name,
      method: request.method,
      path,
      plugin,
      status: answer.status,
      took: began === undefined ? 0 : performance.now() - began,
      caller: caller?.name,
      remote: remoteOf(bindings),
    })
    return answer
  }
}

interface Logged {
  readonly path: string
  readonly plugin: string
  readonly caller: HttpCaller | undefined
  readonly began: number
}

function refused(caller: HttpCaller | undefined, access: HttpRoute['access']): Response | undefined {
  if (access === 'public' || access === 'link' || access === 'login') return undefined
  if (!caller) return unauthorized()
  return caller.roles.includes(access) ? undefined : problem(403, `This takes the role "${access}"`)
}

/** RFC 6750 §3. */
function unauthorized(error?: string): Response {
  return problem(401, undefined, {
    'www-authenticate': `Bearer realm="postroad"${error === undefined ? '' : `, error="${error}"`}`,
  })
}

/** A browser says which page asks (Fetch Metadata, and RFC 6454): one of another site may not, whatever it knows. Programs say nothing. */
function foreign(request: Request, access: HttpRoute['access']): Response | undefined {
  // A page to log in is what a link from anywhere may lead to; what it sends is not.
  if (access === 'login' && (request.method === 'GET' || request.method === 'HEAD')) return undefined
  const site = request.headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin' && site !== 'none') return problem(403, 'Not from pages of other sites')
  const origin = request.headers.get('origin')
  const host = request.headers.get('host')
  if (origin === null || host === null) return undefined
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
    ? undefined
    : problem(403, 'Not from pages of other sites')
}

/** One that ends only when it is told to. */
function isStream(answer: unknown): boolean {
  return answer instanceof Response && (answer.headers.get('content-type') ?? '').startsWith('text/event-stream')
}

function tooLarge({ limit }: BodyLimit): Response {
  // What is still coming is not read.
  return problem(413, `At most ${limit} octets`, { connection: 'close' })
}

function hostsOf(options: HttpListenerOptions): ReadonlySet<string> {
  const { hostname, host = LOOPBACK, hosts } = options
  const local = isLocal(options) ? ['localhost', '127.0.0.1', '[::1]'] : []
  const own = isIP(host) === 6 ? `[${host}]` : host
  const names = hosts ?? [hostname, ...local, ...(isLoopback(host) || isIP(host) ? [own] : [])]
  return new Set(names.map((name) => name.toLowerCase()))
}

function hostNameOf(request: Request): string {
  return (request.headers.get('host') ?? '').toLowerCase().replace(/:\d*$/, '')
}

function remoteOf({ incoming }: HttpBindings): Endpoint {
  const { remoteAddress = '', remotePort = 0 } = incoming.socket
  return { address: remoteAddress.replace(/^::ffff:(?=\d+\.)/, ''), port: remotePort }
}
