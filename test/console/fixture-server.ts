/** A server in the shapes of the API's schemas, each answer held against its schema: for states that the real one is in too seldom (workers that are silent, a role that may only read, a token that is wanted). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ApiShape } from '@postroad/admin-api'
import { calls } from '@postroad/admin-api/zod'
import { CONSOLE_POLICY, readConsole } from '@postroad/console'
import * as answers from './fixture-answers.ts'
import * as kepts from './fixture-kept.ts'
import { runsOf, sentenceOf, transaction } from './fixture-mail.ts'
import { mayOf, storyOf } from './fixture-story.ts'

/** What a test may change while the page is open. */
export interface FixtureState {
  role: 'read' | 'operate'
  asked: number
  answered: number
  /** A token that is wanted; the cookie is `session=yes`. */
  token: string | undefined
  /** A server that has just been started. */
  isNew: boolean
  /** As many read events as may. */
  isFull: boolean
  /** Transactions a second of the stream. */
  rate: number
  /** Instead of what was made up. */
  kept: ApiShape<'kept'>[] | undefined
  texts: Map<string, ReturnType<typeof kepts.text>>
  rows: ReturnType<typeof transaction>[]
}

/** The server. `asked` has every path that was asked for. */
export class FixtureServer implements AsyncDisposable {
  readonly state: FixtureState = {
    role: 'operate',
    asked: 4,
    answered: 4,
    token: undefined,
    isNew: false,
    isFull: false,
    rate: 0,
    kept: undefined,
    texts: new Map(),
    rows: [],
  }
  readonly asked: string[] = []
  /** Bodies of requests that change something. */
  readonly done: { readonly path: string; readonly body: unknown }[] = []
  readonly #server: Server
  readonly #files = readConsole()
  readonly #streams = new Set<ServerResponse>()
  #count = 10_000
  readonly #now = Date.now()

  constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response
          .writeHead(500, { 'content-type': 'application/problem+json' })
          .end(JSON.stringify({ status: 500, title: String(error) }))
      })
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) stream.end()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Sends `count` transactions to everybody who listens: begun, judged and ended. */
  emit(count: number, isOver = true): void {
    for (let n = 0; n < count; n += 1) {
      const one = transaction(++this.#count, Date.now())
      this.state.rows.unshift(one)
      const { row, record } = one
      this.#send('open', { id: row.id, at: row.at, listener: 'mx', remote: row.remote, worker: 0 })
      for (const hook of new Set(record.opinions?.map((opinion) => opinion.hook)))
        this.#send('hook', {
          id: row.id,
          hook,
          at: row.at,
          ...(row.from !== undefined && { from: row.from }),
          ...(row.to[0] && { to: row.to[0] }),
          runs: runsOf(record)
            .filter((run) => run.hook === hook)
            .map(({ plugin, ms, opinions }) => ({ plugin, ms, opinions })),
        })
      if (isOver) this.#send('end', { row, record })
    }
  }

  /** The ends of `count` more alone, as of a server that has too many to tell of each. */
  emitEnds(count: number): void {
    for (let n = 0; n < count; n += 1) this.#send('end', transaction(++this.#count, Date.now()))
  }

  #send(name: string, data: unknown): void {
    for (const stream of this.#streams) stream.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    this.asked.push(url.pathname)
    const file = this.#files.get(url.pathname)
    if (file !== undefined)
      return void response
        .writeHead(200, {
          'content-type': file.type,
          'content-security-policy': CONSOLE_POLICY,
          'x-content-type-options': 'nosniff',
        })
        .end(file.bytes)
    const isKnown = this.state.token === undefined || /session=yes/.test(request.headers.cookie ?? '')
    if (url.pathname === '/v1/session' && request.method === 'POST') {
      const { ticket } = (await bodyOf(request)) as { ticket?: string }
      if ((ticket ?? request.headers.authorization?.slice('Bearer '.length)) !== this.state.token)
        return refuse(response, 401, 'no such token')
      return void response
        .writeHead(200, { 'set-cookie': 'session=yes; HttpOnly; SameSite=Strict', 'content-type': 'application/json' })
        .end(JSON.stringify({ name: 'ops', roles: ['operate'] }))
    }
    if (!isKnown) return refuse(response, 401, 'a token is wanted')
    if (url.pathname === '/v1/events')
      return this.state.isFull ? refuse(response, 503, '200 readers of events are as many as this server has at once') : this.#stream(request, response) // biome-ignore format: one line
    if (request.method === 'GET' && /^\/v1\/quarantine\/[^/]+\/html$/.test(url.pathname))
      return void response
        .writeHead(200, {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'",
        })
        .end('<p>In a cage.</p><img src="http://192.0.2.1/beacon.png"><script>top.document.title = "broken"</script>')
    const body = request.method === 'GET' ? undefined : await bodyOf(request)
    if (body !== undefined) this.done.push({ path: url.pathname, body })
    const made = this.#find(request.method ?? 'GET', url, body)
    if (made === undefined) return refuse(response, 404, `nothing at ${url.pathname}`)
    const [name, answer] = made
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify((calls[name].answer as { parse(value: unknown): unknown }).parse(answer)))
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(': here\n\n')
    this.#streams.add(response)
    const timer = setInterval(() => this.emit(Math.round(this.state.rate / 10)), 100)
    request.on('close', () => {
      clearInterval(timer)
      this.#streams.delete(response)
    })
  }

  /** Rows of the past; made when they are first asked for. */
  #rows(): ReturnType<typeof transaction>[] {
    if (this.state.rows.length === 0 && !this.state.isNew)
      this.state.rows = Array.from({ length: 300 }, (_, n) => transaction(this.#count - n, this.#now - n * 240))
    return this.state.rows
  }

  #find(method: string, url: URL, body: unknown): readonly [keyof typeof calls, unknown] | undefined {
    const { state } = this
    const base = { generation: 18, workers: { asked: state.asked, answered: state.answered } }
    const now = this.#now
    const span = Number(url.searchParams.get('span') ?? 86_400_000)
    const id = decodeURIComponent(url.pathname.split('/')[3] ?? '')
    const key = `${method} ${url.pathname
      .replace(/^(\/v1\/(?:transactions|stories)\/)[^/]+/, '$1:id')
      .replace(/^(\/v1\/quarantine\/)(?!actions)[^/]+/, '$1:id')
      .replace(/^(\/v1\/plugins\/)[^/]+/, '$1:id')}`
    const rows = this.#rows()
    const one = (): ReturnType<typeof transaction> | undefined => rows.find(({ row }) => row.id === id)
    const kept = state.isNew ? [] : (state.kept ?? kepts.kept(now))
    const empty = { accepted: 0, quarantined: 0, discarded: 0, deferred: 0, refused: 0, left: 0, octets: 0 }
    switch (key) {
      case 'GET /v1/status':
        return [
          'status',
          {
            ...base,
            hostname: 'mx1.example.com',
            version: '0.1.0',
            time: now,
            since: now - 9e7,
            processes: [],
            counts: state.isNew ? {} : { waiting: 3_061, quarantined: kept.length, failures: 2 },
            caller: { name: 'ops', roles: [state.role] },
            can: mayOf(state.role),
          },
        ]
      case 'GET /v1/explain':
        return ['explain', answers.explain(base)]
      case 'GET /v1/series':
        return ['series', answers.series(base, now, span)]
      case 'GET /v1/summary':
        return [
          'summary',
          state.isNew
            ? {
                ...answers.summary(base, now, span),
                sentence: [{ kind: 'text', text: 'No mail in 24 h.' }],
                totals: empty,
                turnedAway: [],
                latency: [],
                tls: [],
                work: undefined,
                queue: undefined,
              }
            : answers.summary(base, now, span),
        ]
      case 'GET /v1/plugins':
        return ['plugins', answers.plugins(base, now, span)]
      case 'GET /v1/plugins/:id/shadow':
        return [
          'shadow',
          answers.shadow(
            base,
            now,
            rows
              .filter(({ row }) => row.shadow && row.outcome === 'accepted')
              .slice(0, 2)
              .map(({ row }) => row),
          ),
        ]
      case 'GET /v1/transactions': {
        const words = (url.searchParams.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean)
        const outcome = url.searchParams.get('outcome')
        const found = rows
          .filter(
            ({ row }) =>
              (outcome === null || row.outcome === outcome) &&
              words.every((word) => JSON.stringify(row).toLowerCase().includes(word)),
          )
          .slice(0, Number(url.searchParams.get('limit') ?? 50))
        return [
          'transactions',
          {
            ...base,
            items: found.map(({ row }) => row),
            ...(url.searchParams.has('full') && { records: found.map(({ record }) => record) }),
            tookMs: 41,
            kept: {
              records: state.isNew ? 0 : 2_579_310,
              ...(!state.isNew && { from: now - 14 * 864e5 }),
              octets: 1e9,
            },
          },
        ]
      }
      case 'GET /v1/transactions/:id': {
        const it = one()
        return (
          it && [
            'transaction',
            {
              ...base,
              ...it,
              sentence: sentenceOf(it.row),
              thresholds: it.row.points >= 6 ? [{ at: 6, action: 'quarantine' }] : [],
            },
          ]
        )
      }
      case 'GET /v1/stories/:id': {
        const it = one()
        return it && ['story', storyOf(base, it, rows)]
      }
      case 'GET /v1/queue/sites':
        return [
          'sites',
          state.isNew ? { ...answers.sites(base, now), messages: 0, sites: [] } : answers.sites(base, now),
        ]
      case 'GET /v1/queue/messages':
        return ['messages', { ...base, items: answers.queued(now) }]
      case 'POST /v1/queue/actions': {
        const { action, dryRun, filter } = body as {
          action: ApiShape<'preview'>['action']
          dryRun?: boolean
          filter: { olderMs?: number }
        }
        const messages = filter.olderMs === undefined ? 1_752 : 1_204
        if (dryRun)
          return [
            'queueAction',
            {
              ...base,
              action,
              dryRun: true,
              messages,
              deliveries: messages,
              leftAlone: [{ count: 12, because: 'under way' }],
              ...(action === 'bounce' && { reports: { told: messages - 31, nobody: 31 } }),
              sample: answers.queued(now),
              token: 't',
              expires: now + 60_000,
              confirm: action === 'bounce' || action === 'delete',
            },
          ]
        return [
          'queueAction',
          {
            ...base,
            job: {
              id: '81',
              kind: action,
              by: 'ops',
              state: 'running',
              startedAt: now,
              total: messages,
              looked: 0,
              changed: 0,
            },
          },
        ]
      }
      case 'GET /v1/jobs':
        return ['jobs', { ...base, jobs: [] }]
      case 'GET /v1/quarantine': {
        const q = (url.searchParams.get('q') ?? '').toLowerCase()
        const items = kept.filter((mail) => JSON.stringify(mail).toLowerCase().includes(q))
        return ['quarantine', { ...base, items, total: items.length, canRelease: true, canLearn: true }]
      }
      case 'GET /v1/quarantine/:id/text': {
        const mail = kept.find((it) => it.id === id)
        return mail && ['quarantineText', state.texts.get(id) ?? kepts.text(base, mail)]
      }
      case 'POST /v1/quarantine/:id/release':
        return [
          'release',
          { ...base, id, outcomes: [{ to: 'alice@example.com', released: true, reply: '250 2.0.0 Ok' }] },
        ]
      case 'GET /v1/logs':
        return [
          'logs',
          {
            ...base,
            items: [
              {
                at: now - 40_000,
                worker: 2,
                level: 'warn',
                plugin: 'dnsbl',
                text: 'a list does not answer',
                fields: { zone: 'list.example.net', error: { message: 'timed out' } },
              },
            ],
            dropped: 12,
          },
        ]
      case 'GET /v1/doctor':
        return [
          'doctor',
          {
            ...base,
            at: now - 90_000,
            tookMs: 2_140,
            checks: [
              {
                id: 'ptr',
                subject: '192.0.2.25',
                state: 'fault',
                evidence: 'it has no PTR record',
                rfc: 'RFC 5321 §4.1.4',
                fix: 'Ask who gave you the address to set it to mx1.example.com',
              },
              { id: 'spf', subject: 'example.com', state: 'ok', evidence: '4 of 10 lookups' },
              {
                id: 'disk',
                subject: '/var/lib/postroad',
                state: 'remark',
                evidence: 'fsync takes 31 ms',
                fix: 'A disk with a write cache that survives power loss',
              },
            ],
          },
        ]
      default:
        return undefined
    }
  }
}

function refuse(response: ServerResponse, status: number, detail: string): void {
  response
    .writeHead(status, { 'content-type': 'application/problem+json' })
    .end(JSON.stringify({ status, title: 'refused', detail }))
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text === '' ? undefined : JSON.parse(text)
}
