/** A server in which the past happens again: its time, a memory of its own, and nobody to store or deliver. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type App, type Config, createServer, type Server } from '@postroad/core'
import { createDns, zoneDns } from '@postroad/dns'
import {
  type MailParameters,
  parseForwardPath,
  parseReversePath,
  type RcptParameters,
  type TlsInfo,
} from '@postroad/mail'
import {
  Clock,
  Dns,
  definePlugin,
  Limiter,
  Lock,
  type Plugin,
  type PluginInstance,
  Spool,
  Store,
} from '@postroad/plugin'
import type { JudgingStages, Wire } from '@postroad/smtp'
import { loadConfig } from '../config/load.ts'

type Line = Readonly<Record<string, unknown>>
/** What a scope listens for. */
type Listener = Parameters<App['listen']>[0]

/** Runs transactions again. */
export interface Replayer {
  /** The canonical line it has now. Transactions must come in the order of their time. `message`: its file, when it is kept. */
  run(line: Line, message: string | undefined): Promise<Line>
  /** Names of the plugins that set mail aside: a line whose `queue` is one of them tells of mail that was. */
  readonly quarantines: ReadonlySet<string>
  close(): Promise<void>
}

/** Hooks with an effect outside: they are not asked. */
const EFFECTS = new Set([
  'nexthop',
  'queue',
  'quarantine',
  'accepted',
  'delivery',
  'tls',
  'delivered',
  'deferred',
  'bounced',
])

/** Sets the other configuration up. @throws {BootError} with every mistake of it */
export async function createReplayer(given: string | undefined, { dns }: { readonly dns: boolean }): Promise<Replayer> {
  const { fakeClock, memoryLimiter, memoryLock, memorySpool, memoryStore } = await import('@postroad/testing')
  const { config, base } = await loadConfig(given)
  const clock = fakeClock(0)
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-replay-'))
  const lines: Line[] = []
  const write = (text: string): void =>
    void lines.push(
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
  const services = [
    { service: Clock, create: () => clock },
    { service: Store, create: () => store },
    { service: Limiter, create: () => limiter },
    { service: Lock, create: () => lock },
    { service: Spool, create: () => spool },
    { service: Dns, create: () => resolver },
  ]
  const [store, limiter, lock, spool] = [memoryStore(clock), memoryLimiter(clock), memoryLock(), memorySpool()]
  const resolver = dns ? createDns() : zoneDns({})
  // Also where a plugin, redis for one, has its own.
  const substitutes = new Map(
    services.filter(({ service }) => service !== Clock).map(({ service, create }) => [service.name, create] as const),
  )
  const state = { quarantined: false, quarantines: new Set<string>() }
  const server = await createServer(
    { ...harmless(config, state), folder, log: { format: 'json', level: 'info', write } },
    { base, services, substitutes, now: clock.now },
  )
  await server.start().catch(async (error: unknown) => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
    throw error
  })
  return {
    quarantines: state.quarantines,
    async run(line, message) {
      lines.length = 0
      state.quarantined = false
      const time = Date.parse(String(line['time']))
      if (time > clock.now()) await clock.advance(time - clock.now())
      await happen(server, line, message === undefined ? undefined : await readFile(message))
      server.log.flush()
      const now = lines.findLast((one) => one['event'] === 'transaction')
      return { to: [], reply: '', ...now, quarantined: state.quarantined }
    },
    async close() {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface State {
  quarantined: boolean
  readonly quarantines: Set<string>
}

/** The configuration without effects: who the client was is believed, and everything that is taken is forgotten. */
function harmless(config: Config, state: State): Config {
  const past = definePlugin({
    name: 'replay',
    hooks: { auth: { mechanisms: ['EXTERNAL'], handler: ({ attempt }) => ({ name: attempt.username }) } },
  })
  return {
    ...config,
    async setup(app) {
      app.use(past())
      const listeners: Listener[] = []
      await config.setup(wrapped(app, state, listeners))
      if (listeners.length === 0 || listeners.some(takesMail)) app.use(forgetting(state, 'server'))
    },
  }
}

/** What takes mail in place of the plugins of a scope. */
function forgetting(state: State, scope: string): Plugin {
  return definePlugin({
    name: `replay-${scope}`,
    hooks: {
      queue: {
        supports: ['8BITMIME', 'SMTPUTF8', 'DSN', 'BINARYMIME', 'REQUIRETLS'],
        handler: () => ({ id: 'replay' }),
      },
      quarantine: () => {
        state.quarantined = true
        return { id: 'replay' }
      },
    },
  })()
}

/** In a scope that only judges for another server nobody may take mail. */
function takesMail({ protocol = 'smtp' }: Listener): boolean {
  return protocol === 'smtp' || protocol === 'lmtp'
}

/** @param listeners what the scope listens for is added */
function wrapped(app: App, state: State, listeners: Listener[]): App {
  const own: App = {
    use(plugin, options) {
      app.use(withoutEffects(plugin, state), options)
      return own
    },
    scope(name, fill) {
      app.scope(name, (inner) => {
        const own: Listener[] = []
        fill(wrapped(inner, state, own))
        if (own.some(takesMail)) inner.use(forgetting(state, name))
      })
      return own
    },
    listen(options) {
      listeners.push(options)
      app.listen(options)
      return own
    },
  }
  return own
}

function withoutEffects(plugin: Plugin, { quarantines }: State): Plugin {
  return {
    ...plugin,
    async setup(context) {
      const instance = await plugin.setup({ ...context, rehearsal: true })
      if (instance.quarantine && !instance.queue) quarantines.add(plugin.name)
      return Object.fromEntries(Object.entries(instance).filter(([name]) => !EFFECTS.has(name))) as PluginInstance // some of its keys
    },
  }
}

const CHUNK = 65_536

async function happen(server: Server, line: Line, message: Buffer | undefined): Promise<void> {
  const stages = attach(server, line)
  try {
    const { helo, identity } = line
    if (isRefused(await stages.connect())) return
    const protocol = protocolOf(line)
    const verb = line['verb'] === 'HELO' ? 'HELO' : protocol === 'lmtp' ? 'LHLO' : 'EHLO'
    if (isRefused(await stages.helo(typeof helo === 'string' ? helo : 'unknown', verb))) return
    // A server that asks says itself who the client is.
    if (typeof identity === 'string' && (protocol === 'smtp' || protocol === 'lmtp'))
      await stages.auth({
        mechanism: 'EXTERNAL',
        username: identity,
        certificate: { subject: identity, fingerprint: '' },
      })
    const from = parseReversePath(`<${line['from']}>`, { smtputf8: true })
    if (isRefused(await stages.mail(from?.address, (line['mail'] ?? {}) as MailParameters))) return // as the canonical line has it
    let taken = 0
    for (const to of recipientsOf(line)) {
      const path = parseForwardPath(`<${to}>`, { smtputf8: true })
      if (path && !isRefused(await stages.rcpt(path.address, parametersOf(line, to)))) taken++
    }
    const isComplete = message !== undefined || protocol === 'policy'
    if (taken === 0 || !isComplete || isRefused(await stages.data())) return
    if (message === undefined) return void (await stages.judge()).dispose()
    const content = stages.content()
    for (let at = 0; at < message.length; at += CHUNK) await content.write(message.subarray(at, at + CHUNK))
    if (protocol === 'milter') (await stages.judge()).dispose()
    else await stages.message()
  } finally {
    stages.close('quit')
  }
}

function recipientsOf(line: Line): readonly string[] {
  const refused = (line['refused'] ?? []) as readonly { readonly to: string }[] // as the canonical line has it
  return [...((line['to'] ?? []) as readonly string[]), ...refused.map(({ to }) => to)] // as the canonical line has it
}

/** What the client asked for with RCPT. */
function parametersOf(line: Line, to: string): RcptParameters {
  const all = (line['rcpt'] ?? []) as readonly ({ readonly to: string } & RcptParameters)[] // as the canonical line has it
  const { to: _, ...parameters } = all.find((one) => one.to === to) ?? { to }
  return parameters
}

/** As the line says; older ones tell LMTP by a reply for each recipient, and nothing of SMTP. */
function protocolOf(line: Line): Wire['protocol'] {
  const { protocol } = line
  if (protocol === 'lmtp' || protocol === 'milter' || protocol === 'policy') return protocol
  return Array.isArray(line['reply']) ? 'lmtp' : 'smtp'
}

function attach(server: Server, line: Line): JudgingStages {
  const name = String(line['listener'])
  const isKnown = server.explain().some(({ listeners }) => listeners.some((one) => one.name === name))
  const wire: Wire = {
    listener: name,
    protocol: protocolOf(line),
    ...(typeof line['identity'] === 'string' ? { identity: { name: line['identity'] } } : {}),
    remote: { address: String(line['remote']), port: Number(line['port'] ?? 0) },
    local: { address: '127.0.0.1', port: 25 },
    tls: line['tls'] as TlsInfo | undefined, // as the canonical line has it
    forwarded: line['forwarded'] as Wire['forwarded'], // as the canonical line has it
    stress: false,
    disconnect: () => undefined,
  }
  return server.attach(isKnown ? name : undefined)(wire)
}

function isRefused(reply: { readonly code: number } | undefined): boolean {
  return reply !== undefined && reply.code >= 400
}
