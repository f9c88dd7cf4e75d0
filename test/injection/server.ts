/** A server that takes mail over HTTP and SMTP, and delivers it to Maildirs through the embedded queue. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createServer, type Server } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { newToken } from '@postroad/http'
import { injection } from '@postroad/injection'
import { Dns, type Plugin } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { MailRecords, openRecords } from '@postroad/records'
import { routing } from '@postroad/routing'

/** What came back. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: any
}

/** A running server. */
export interface InjectionServer {
  readonly server: Server
  readonly folder: string
  readonly url: string
  readonly port: number
  /** Secrets by name of the token. */
  readonly tokens: Readonly<Record<string, string>>
  /** A request by the token `shop`, or by the one that is named; an object is sent as JSON. */
  ask(
    method: string,
    path: string,
    body?: unknown,
    more?: { token?: string; headers?: Record<string, string> },
  ): Promise<Answered>
  /** What is in somebody's mailbox, as text. */
  mailbox(name: string): Promise<readonly string[]>
}

export interface ServerShape {
  readonly options?: Partial<NonNullable<Parameters<typeof injection>[0]>>
  readonly plugins?: readonly Plugin[]
  /** Kept: the caller removes it. */
  readonly folder?: string
  /** Of the listener. */
  readonly limits?: { readonly requestTimeoutMs: number; readonly headerTimeoutMs: number }
}

const NAMES = ['shop', 'news', 'nobody'] as const

/** Starts it; it ends with the test. */
export async function start(
  t: TestContext,
  { options = {}, plugins = [], folder: given, limits }: ServerShape = {},
): Promise<InjectionServer> {
  const folder = given ?? (await mkdtemp(join(tmpdir(), 'postroad-injection-')))
  const services = embeddedServices(join(folder, 'services'))
  const records = openRecords({ folder: join(folder, 'records') })
  const made = NAMES.map((name) => ({ name, ...newToken() }))
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      log: { format: 'silent' },
      grace: 500,
      setup(app) {
        for (const plugin of plugins) app.use(plugin)
        app
          .use(routing({ domains: { 'example.com': { via: 'maildir' } } }))
          .use(queue({ maildir: { folder: join(folder, 'mail') } }))
          .use(
            injection({
              clients: {
                shop: { senders: ['shop.example', '*@xn--bcher-kva.example'] },
                news: { senders: ['news@news.example'], size: 20_000, maxRecipients: 3 },
              },
              ...options,
            }),
          )
          .listen({
            name: 'api',
            protocol: 'http',
            port: 0,
            ...(limits && { limits }),
            tokens: made.map(({ name, sha256 }) => ({ name, sha256, roles: ['send'] })),
          })
      },
    },
    {
      services: [
        ...services.services,
        { service: Dns, create: () => zoneDns({}) },
        { service: MailRecords, create: () => records },
      ],
    },
  )
  t.after(async () => {
    await server.close()
    await services.close()
    await records.close()
    if (given === undefined) await rm(folder, { recursive: true, force: true })
  })
  await server.listen()
  const place = server.addresses.find(({ name }) => name === 'api')
  const port = place && 'port' in place ? place.port : 0
  const url = `http://127.0.0.1:${port}`
  const tokens = Object.fromEntries(made.map(({ name, secret }) => [name, secret]))
  return {
    server,
    folder,
    url,
    port,
    tokens,
    ask: (method, path, body, { token = 'shop', headers = {} } = {}) =>
      ask(`${url}${path}`, {
        method,
        body,
        headers: { authorization: `Bearer ${tokens[token] ?? token}`, ...headers },
      }),
    async mailbox(name) {
      const place = join(folder, 'mail', name, 'new')
      const files = await readdir(place).catch(() => [])
      return Promise.all(files.toSorted().map((file) => readFile(join(place, file), 'latin1')))
    },
  }
}

/** One request; an object is sent as JSON. */
export async function ask(
  url: string,
  { method, body, headers }: { method: string; body?: unknown; headers: Record<string, string> },
): Promise<Answered> {
  const isPlain = body === undefined || typeof body === 'string' || body instanceof Uint8Array
  const response = await fetch(url, {
    method,
    headers: { ...(!isPlain && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: isPlain ? (body as string) : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: text === '' ? undefined : JSON.parse(text) }
}
