/** Finds and loads plugins of Haraka, and says which hooks they have. Loaded when the plugin is set up, as what it stands on is large and says things. */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { dkimFact, spfFact } from '@postroad/authres'
import {
  type AuthContext,
  type CommandContext,
  type ConnectContext,
  type DataContext,
  type DeliveryContext,
  type DeliveryResultContext,
  type Dns,
  type HeloContext,
  type MailContext,
  type PluginInstance,
  type QueueContext,
  type RcptContext,
  reverseDns,
  type Setup,
  textOf,
} from '@postroad/plugin'
import config from 'haraka-config'
import watch from 'haraka-config/lib/watch.js'
import { judgesLogins, mechanismsOf } from './auth.ts'
import { afterDelivery, beforeDelivery } from './delivery.ts'
import { harakaResult, SHOWN_AFTER } from './facts.ts'
import { Chains, type Ground, type HarakaPlugin, loadPlugins } from './harness.ts'
import { type LogItem, type LogSink, levelOf, makeLogger } from './logger.ts'
import type { HarakaOptions } from './options.ts'
import { quietly } from './quietly.ts'
import { harakaServer } from './server.ts'
import { HarakaUse } from './use.ts'

/** Milliseconds that a hook gets beyond the clocks of its plugins, which end it. */
const GRACE = 2_000
/** Milliseconds, at most, for the plugins of one hook. */
const LONGEST = 300_000
/** Hooks of Haraka that nothing here corresponds to. */
const UNCALLED: readonly string[] = [
  'quit',
  'rset',
  'noop',
  'max_data_exceeded',
  'init_child',
  'init_http',
  'init_wss',
  'pre_send_trans_email',
]

/** Generations that have plugins of Haraka: the last one closes what watches their files. */
let alive = 0

/** What the plugin does once it is set up. */
export async function setUp({
  options,
  name,
  hostname,
  shadow,
  dns,
  log,
  resolve,
  rehearsal,
}: Setup & { readonly options: HarakaOptions; readonly dns: Dns }): Promise<PluginInstance> {
  const sink: LogSink = { log }
  const ground = groundOf(options, { resolve, sink })
  const lines = linesOf(options, ground)
  const plugins = await quietly(() => loadPlugins(lines, ground), log)
  const chains = new Chains(ground.registered)
  alive++
  const { server, logger } = ground
  // What plugins say before all of them are there nobody hears.
  sink.heard = listenersOf(chains, logger)
  const use = new HarakaUse({
    name,
    options,
    plugins,
    chains,
    server,
    logger,
    hostname,
    dns,
    shadow,
    heard: sink.heard,
  })
  const timeoutOf = (...hooks: readonly string[]): number =>
    Math.min(
      LONGEST,
      GRACE +
        1_000 * hooks.flatMap((hook) => chains.get(hook) ?? []).reduce((sum, { plugin }) => sum + plugin.timeout, 30),
    )
  const asked = (...hooks: readonly string[]) =>
    ({ points: false, inTurn: !options.alone, after: SHOWN_AFTER, timeout: timeoutOf(...hooks) }) as const
  const has = (...hooks: readonly string[]): boolean => use.has(...hooks)
  const provides = (fact: HarakaOptions['facts'][number]): boolean => options.facts.includes(fact)
  const { route, relay = route } = options
  const ways = [route, relay].flatMap((way, place) =>
    way ? [{ via: way.via, at: place === 0 ? 'route' : 'relay' }] : [],
  )
  const logins = plugins.filter(judgesLogins)
  return {
    connect: {
      ...asked('connect_init', 'lookup_rdns', 'connect'),
      ...(provides('reverse-dns') && { provides: [reverseDns] }),
      handler: (context: ConnectContext) => use.connect(context),
    },
    ...(has('helo', 'ehlo', 'capabilities') && {
      helo: { ...asked('ehlo', 'helo', 'capabilities'), handler: (context: HeloContext) => use.helo(context) },
    }),
    ...(logins.length > 0 && {
      auth: {
        mechanisms: mechanismsOf(plugins),
        timeout: GRACE + 1_000 * logins.reduce((sum, { timeout }) => sum + timeout, 0),
        handler: (context: AuthContext) => use.auth(context),
      },
    }),
    ...((has('mail', 'reset_transaction', 'queue_ok') || provides('spf')) && {
      mail: {
        ...asked('mail'),
        ...(provides('spf') && { provides: [spfFact] }),
        handler: (context: MailContext) => use.mail(context),
      },
    }),
    ...((has('rcpt') || route !== undefined) && {
      rcpt: { ...asked('rcpt'), handler: (context: RcptContext) => use.rcpt(context) },
    }),
    ...(ways.length > 0 && {
      route: { ways: () => ways, handler: (context: RcptContext) => use.route(context) },
    }),
    ...(has('rcpt_ok') && {
      nexthop: { ...asked('rcpt_ok'), handler: (context: RcptContext) => use.nexthop(context) },
    }),
    ...(has('data') && { data: { ...asked('data'), handler: (context: DataContext) => use.data(context) } }),
    message: {
      ...asked('data_post'),
      provides: [harakaResult(name), ...(provides('dkim') ? [dkimFact] : [])],
      handler: (context) => use.message(context),
    },
    rewrite: { changes: 'body', handler: (context) => use.rewrite(context) },
    ...(has('queue', 'queue_outbound') && {
      queue: {
        before: ['queue', 'redis-queue', 'maildir', 'proxy'],
        timeout: timeoutOf('queue', 'queue_outbound'),
        handler: (context: QueueContext) => use.queue(context),
      },
    }),
    ...(has('unrecognized_command') && {
      unknown: {
        timeout: timeoutOf('unrecognized_command'),
        handler: (context: CommandContext) => use.unknown(context),
      },
    }),
    ...(has('vrfy') && {
      verify: { timeout: timeoutOf('vrfy'), handler: (context: CommandContext) => use.verify(context) },
    }),
    accepted: { timeout: timeoutOf('queue_ok', 'reset_transaction'), handler: (context) => use.accepted(context) },
    refused: { timeout: timeoutOf('deny', 'reset_transaction'), handler: (context) => use.refused(context) },
    closed: { timeout: timeoutOf('disconnect', 'reset_transaction'), handler: (context) => use.closed(context) },
    ...(has('get_mx', 'send_email') && {
      delivery: {
        timeout: timeoutOf('get_mx', 'send_email'),
        handler: (context: DeliveryContext) => beforeDelivery(use, context),
      },
    }),
    delivered: told(use, 'delivered', timeoutOf('delivered')),
    deferred: told(use, 'deferred', timeoutOf('deferred')),
    bounced: told(use, 'bounce', timeoutOf('bounce')),
    remarks: { notes: [`runs ${plugins.map(({ name: one }) => one).join(', ')}`], warnings: warningsOf(plugins) },
    start: async () => {
      if (!rehearsal) await use.runOn('init_master', server, undefined, { log })
    },
    close: async () => {
      use.close()
      for (const timer of ground.timers) clearInterval(timer)
      for (const plugin of plugins) await shutDown(plugin, log)
      if (--alive === 0) watch.closeAll()
    },
  }
}

function told(use: HarakaUse, hook: 'delivered' | 'deferred' | 'bounce', timeout: number) {
  return { timeout, handler: (context: DeliveryResultContext) => afterDelivery(use, hook, context) }
}

function groundOf(options: HarakaOptions, { resolve, sink }: { resolve(file: string): string; sink: LogSink }): Ground {
  const here = resolve('.')
  const folder = options.folder === undefined ? undefined : resolve(options.folder)
  const said = options.config === undefined ? undefined : resolve(options.config)
  for (const [at, path] of [
    ['folder', folder],
    ['config', said],
  ] as const)
    if (path !== undefined && !existsSync(path)) throw new Error(`haraka: ${at}: there is no folder ${path}`)
  const files = said ?? join(folder ?? here, 'config')
  const beside = basename(files) === 'config' ? dirname(files) : files
  const server = harakaServer(sink)
  const read = config.module_config(dirname(files))
  read.overrides_path = files
  config.root_path = files
  const ini = Object(read.get('log.ini')) as { readonly main?: { readonly level?: unknown } } // an ini file, or nothing
  const level = levelOf(read.get('loglevel') ?? ini.main?.level)
  return {
    places: { folder, bases: [here, ...(folder === undefined ? [] : [folder]), beside] },
    config: files,
    server,
    logger: makeLogger(() => sink, level),
    sinkOf: () => sink,
    registered: [],
    timers: [],
  }
}

/** What is to be run, in its order. */
function linesOf({ plugin, plugins }: HarakaOptions, { config: files }: Ground): readonly string[] {
  if (plugin !== undefined) return [plugin]
  if (plugins) return plugins
  const read = config.module_config(dirname(files))
  read.overrides_path = files
  const lines = read.get('plugins', 'list')
  if (!Array.isArray(lines) || lines.length === 0)
    throw new Error(`haraka: folder: ${join(files, 'plugins')} lists no plugin; say which with \`plugins\``)
  return lines.map(String)
}

/** Plugins with a `log` hook hear what all say; they cannot be waited for. */
function listenersOf(chains: Chains, logger: object): (item: LogItem) => void {
  let isTelling = false
  return (item) => {
    const listeners = chains.get('log')
    // What it says itself is not told to it.
    if (!listeners || isTelling) return
    isTelling = true
    try {
      for (const { plugin, method } of listeners) {
        const hear = plugin[method] as (...all: unknown[]) => unknown // it was registered
        const made = hear.call(plugin, () => undefined, logger, item)
        if (made instanceof Promise) made.catch(() => undefined)
      }
    } catch {
      // A log that cannot be written stops no mail.
    } finally {
      isTelling = false
    }
  }
}

function warningsOf(plugins: readonly HarakaPlugin[]): readonly string[] {
  return plugins.flatMap(({ name, hooks }) => {
    const uncalled = Object.keys(hooks).filter((hook) => UNCALLED.includes(hook) && hook !== 'init_child')
    return uncalled.length === 0
      ? []
      : [`plugin "${name}" waits for ${uncalled.join(', ')}, which this server does not call`]
  })
}

async function shutDown(plugin: HarakaPlugin, log: { warn(fields: object, text: string): void }): Promise<void> {
  const { shutdown } = plugin
  if (typeof shutdown !== 'function') return
  try {
    await shutdown.call(plugin)
  } catch (thrown) {
    log.warn({ haraka: plugin.name, reason: textOf(thrown) }, 'a plugin of Haraka does not shut down')
  }
}
