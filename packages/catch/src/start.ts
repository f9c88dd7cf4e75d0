/** Puts it together: a server that takes everything, the collection, and the listener of page and API. */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { CONSOLE_POLICY, readConsole } from '@postroad/console'
import type { HttpRoute } from '@postroad/plugin'
import { type App, type Config, createServer, defineConfig, type Server } from 'postroad'
import { apiRoutes } from './api.ts'
import { type CatchBounds, Collection } from './collection.ts'
import type { FilterSettings } from './filters.ts'
import { liveRoutes } from './live.ts'
import { messageRoutes } from './message-calls.ts'
import { addStrict, LENIENT_LISTENER, STRICT_LISTENER, STRICT_RULES } from './strict.ts'
import { type RefusedMail, taker } from './taker.ts'
import { version } from './version.ts'

/** A place to listen at. */
export interface At {
  readonly host: string
  readonly port: number
}

/** What may be said of it. */
export interface CatchSettings {
  readonly smtp: At
  /** Undefined: neither page nor API. */
  readonly http: At | undefined
  readonly like: 'lenient' | 'strict'
  readonly bounds: CatchBounds
  /** Where messages are kept; undefined: a folder of its own, which goes at the end. */
  readonly folder: string | undefined
  /** SPF, DKIM and DMARC are looked at: asks DNS. */
  readonly authentication: boolean
  /** What filters would say is kept too; undefined: none is asked. */
  readonly filters?: FilterSettings | undefined
  /** STARTTLS with a certificate of its own making. */
  readonly tls: boolean
  /** Further names that may stand in `Host`. */
  readonly names: readonly string[]
  readonly dns?: Config['dns']
  readonly log: NonNullable<Config['log']>
  onRefused?(refused: RefusedMail): void
}

/** It runs. */
export interface RunningCatch {
  readonly server: Server
  readonly collection: Collection
  readonly smtp: number
  /** Undefined: there is none. */
  readonly http: number | undefined
  readonly rules: readonly string[]
  close(): Promise<void>
}

/** Milliseconds that DNS may take for a message: who develops on a train does not wait for it. */
const DNS_MS = 1_500

/** @throws {PostroadError} `ERR_BIND` when a port cannot be had */
export async function startCatch(settings: CatchSettings): Promise<RunningCatch> {
  const { bounds, like } = settings
  const folder = settings.folder ?? (await mkdtemp(path.join(os.tmpdir(), 'postroad-catch-')))
  const gone = async (): Promise<void> => {
    if (settings.folder === undefined) await rm(folder, { recursive: true, force: true })
  }
  const rules = like === 'strict' ? STRICT_RULES : []
  const counts = { messages: 0, octets: 0, refused: 0 }
  let collection: Collection | undefined
  let server: Server | undefined
  try {
    collection = await Collection.open(folder, bounds)
    collection.watch((change) => {
      if (change.kind !== 'added') return
      counts.messages++
      counts.octets += change.entry.size
    })
    const deps = {
      collection,
      send: (mail: Parameters<Server['queue']['send']>[0]) =>
        server ? server.queue.send(mail, { identity: 'api' }) : Promise.reject(new Error('not started')),
      version: version(),
      rules,
      startedAt: Date.now(),
      accepted: () => counts,
      place: () =>
        `${bracketed(settings.smtp.host)}:${server?.addresses.find(({ name }) => name === 'smtp')?.port ?? 0}`,
    }
    const routes = settings.http
      ? [...pageRoutes(), ...apiRoutes(deps), ...messageRoutes(collection), ...liveRoutes(collection)]
      : []
    const taken = {
      collection,
      routes,
      onRefused(refused: RefusedMail) {
        counts.refused++
        settings.onRefused?.(refused)
      },
    }
    server = await createServer(
      defineConfig({
        hostname: 'catch.localhost',
        folder: path.join(folder, 'server'),
        log: settings.log,
        grace: 1_000,
        dns: { timeoutMs: DNS_MS, ...settings.dns },
        async setup(app) {
          if (like === 'strict') addStrict(app)
          // What is loaded for it, an inbox of a test does without.
          if (settings.authentication) (await import('./checks.ts')).addChecks(app)
          const { filters } = settings
          const findings = filters && (await (await import('./filters.ts')).addFilters(app, filters))
          app.use(taker({ ...taken, findings }))
          listen(app, settings)
        },
      }),
    )
    await server.listen()
  } catch (error) {
    await server?.close()
    collection?.close()
    await gone()
    throw error
  }
  const running = { server, collection }
  const portOf = (name: string): number | undefined =>
    running.server.addresses.find((address) => address.name === name)?.port
  return {
    ...running,
    smtp: portOf('smtp') ?? 0,
    http: portOf('page'),
    rules,
    async close() {
      await running.server.close()
      running.collection.close()
      await gone()
    },
  }
}

function listen(app: App, { smtp, http, like, tls, names }: CatchSettings): void {
  const manner = like === 'strict' ? STRICT_LISTENER : LENIENT_LISTENER
  app.listen({ ...manner, ...smtp, name: 'smtp', authWithoutTls: true, ...(tls && { selfSigned: true }) })
  if (!http) return
  app.listen({
    ...http,
    protocol: 'http',
    name: 'page',
    // Nobody logs in: who reaches it may read. Pages of other sites may not, see own-site.ts.
    routes: 'public',
    tls: 'none',
    hosts: hostsOf(http.host, names),
    limits: { connections: 500, connectionsPerAddress: 500 },
  })
}

/** Names that browsers may call it by. A name that somebody else has pointed here is none of them. */
function hostsOf(host: string, names: readonly string[]): readonly string[] {
  const own = ['localhost', '127.0.0.1', '[::1]', bracketed(host), ...names]
  const isOpen = !isLoopback(host)
  const addresses = isOpen ? Object.values(os.networkInterfaces()).flatMap((list) => list ?? []) : []
  return [...own, ...(isOpen ? [os.hostname()] : []), ...addresses.map(({ address }) => bracketed(address))]
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host.replace(/%.*$/, '')}]` : host
}

/** Whether only programs of this machine reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/** The files of the page, and nothing else: no path of a request becomes a path of a file. */
function pageRoutes(): readonly HttpRoute[] {
  return [...readConsole('catch')].map(([at, { type, bytes, etag }]): HttpRoute => {
    const headers = {
      'content-type': type,
      etag,
      'cache-control': 'no-cache',
      'content-security-policy': CONSOLE_POLICY,
    }
    return {
      method: 'GET',
      path: at,
      // A link from anywhere may lead to it; it has nothing of the mail in it.
      access: 'public',
      summary: at === '/' ? 'The page' : 'A file of the page',
      handler: ({ request }) =>
        request.headers.get('if-none-match') === etag
          ? new Response(null, { status: 304, headers })
          : new Response(Uint8Array.from(bytes), { headers }),
    }
  })
}
