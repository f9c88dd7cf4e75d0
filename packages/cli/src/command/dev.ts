/** `postroad dev`: the server while it is being written. A saved file is a new generation; each transaction is shown as a tree. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { registerHooks } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { BootError, type HookRun, PostroadError, type Server } from '@postroad/core'
import type { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { type TimedRun, transactionTree } from './dev-tree.ts'

/** Milliseconds: editors write a file in several steps. */
const QUIET = 100

/** Adds `dev`. */
export function devCommand(program: Command, outcome: { code: number }): void {
  program
    .command('dev')
    .description('start the server, reload on every save, and show each transaction as a tree: hooks, waves, opinions, facts, milliseconds')
    .argument('[config]', 'configuration file or folder')
    .option('--json', 'print canonical lines with the runs of handlers instead of trees')
    .action(async (given: string | undefined, { json }: { readonly json?: boolean }) => {
      outcome.code = await develop(given, json ?? false)
    })
}

async function develop(given: string | undefined, json: boolean): Promise<number> {
  const base = await folderOf(given)
  const modules = freshModules(base)
  const tracer = traceRuns()
  let server: Server | undefined
  const write = (text: string): void => {
    for (const line of text.trimEnd().split('\n')) show(JSON.parse(line), { tracer, json, scopes: () => server?.explain() ?? [] })
  }
  const opened = await open(given, { log: { format: 'json', level: 'info', write } })
  server = opened.server
  await server.listen()
  say(
    `${server.hostname} listens on ${server.addresses.map((one) => one.path ?? `${one.host}:${one.port}`).join(', ')}; watching ${path.relative('.', base) || '.'}`,
  )
  const watcher = await watchFolder(base, { ignore: server.folder, changed: () => reload(opened.server, given, modules) })
  await new Promise<void>((resolve) => void process.once('SIGINT', resolve).once('SIGTERM', resolve))
  watcher.close()
  tracer.stop()
  modules.stop()
  await opened.server.close({ grace: 0 })
  await opened.close()
  return 0
}

/** The folder to watch; whether there is a configuration is for {@link open} to say. */
async function folderOf(given = '.'): Promise<string> {
  const found = await stat(given).catch(() => undefined)
  return path.resolve(found?.isDirectory() ? given : path.dirname(given))
}

async function reload(server: Server, given: string | undefined, modules: { renew(): void }): Promise<void> {
  modules.renew()
  const started = performance.now()
  try {
    await server.reload((await loadConfig(given)).config)
    say(`reloaded in ${Math.round(performance.now() - started)} ms`)
  } catch (error) {
    const isKnown = error instanceof BootError || error instanceof PostroadError || error instanceof UsageError
    say(`not reloaded, the old one goes on${isKnown ? `: ${error.message}` : reason(error)}`)
  }
}

/** Local modules are read anew after `renew`, not only the configuration itself; what is installed is not. */
function freshModules(base: string): { renew(): void; stop(): void } {
  const prefix = `${pathToFileURL(base).href}/`
  let generation = 0
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const result = next(specifier, context)
      const isLocal = generation > 0 && result.url.startsWith(prefix) && !result.url.includes('/node_modules/')
      return isLocal ? { ...result, url: `${result.url}${result.url.includes('?') ? '&' : '?'}dev=${generation}` } : result
    },
  })
  return { renew: () => void generation++, stop: () => hooks.deregister() }
}

/** Folders that are never the author's own text; to watch what is installed would take long and see nothing. */
const FOREIGN = new Set(['node_modules', '.git', 'dist'])
const TEXT = /\.(?:[cm]?[jt]s|json|ya?ml|txt|pem)$/

/** Watches the folder and the folders in it that are there now, but for what the server keeps. */
async function watchFolder(
  folder: string,
  { ignore, changed }: { readonly ignore: string; readonly changed: () => Promise<void> },
): Promise<{ close(): void }> {
  let timer: NodeJS.Timeout | undefined
  let last = Promise.resolve()
  const saw = (_event: string, name: string | null): void => {
    if (name === null || !TEXT.test(name)) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      // One after the other: two saves must not build two generations at once.
      last = last.then(changed)
    }, QUIET)
  }
  const entries = await readdir(folder, { withFileTypes: true })
  const inner = entries.filter((entry) => entry.isDirectory() && !FOREIGN.has(entry.name)).map(({ name }) => path.join(folder, name))
  const watchers = [watch(folder, saw), ...inner.filter((one) => one !== ignore).map((one) => watch(one, { recursive: true }, saw))]
  return {
    close() {
      clearTimeout(timer)
      for (const watcher of watchers) watcher.close()
    },
  }
}

interface Tracer {
  /** What ran in a session since it was last asked. */
  take(session: string): readonly TimedRun[]
  stop(): void
}

/** Session ids are the first 17 characters of the ids of their transactions. */
const ID = 17

/** Sessions whose runs are kept; those that never come to a line must not be kept for ever. */
const KEPT = 1_000

function traceRuns(): Tracer {
  const begun = new WeakMap<object, { readonly at: number; readonly timed: { -readonly [K in keyof TimedRun]: TimedRun[K] } }>()
  const runs = new Map<string, TimedRun[]>()
  const start = (message: unknown): void => {
    const run = message as HookRun // the channel's own message
    if (run.session === undefined) return
    const timed = { plugin: run.plugin, hook: run.hook, ms: 0 }
    begun.set(run, { at: performance.now(), timed })
    runs.set(run.session, [...(runs.get(run.session) ?? []), timed])
    const [oldest] = runs.keys()
    if (runs.size > KEPT && oldest !== undefined) runs.delete(oldest)
  }
  // The end of a handler that answers later comes twice: when it was called, and when it has answered.
  const end = (message: unknown): void => {
    const known = begun.get(message as HookRun) // the channel's own message
    if (known) known.timed.ms = performance.now() - known.at
  }
  const channels = [
    ['tracing:postroad:hook:start', start],
    ['tracing:postroad:hook:end', end],
    ['tracing:postroad:hook:asyncEnd', end],
  ] as const
  for (const [name, listener] of channels) subscribe(name, listener)
  return {
    take(session) {
      const own = runs.get(session) ?? []
      runs.delete(session)
      return own
    },
    stop: () => {
      for (const [name, listener] of channels) unsubscribe(name, listener)
    },
  }
}

type Shown = { readonly tracer: Tracer; readonly json: boolean; scopes(): ReturnType<Server['explain']> }

function show(line: Readonly<Record<string, unknown>>, { tracer, json, scopes }: Shown): void {
  if (line['event'] !== 'transaction' && line['event'] !== 'session') {
    if (line['text'] !== 'reloaded') say(logged(line))
    return
  }
  const runs = tracer.take(String(line['id']).slice(0, ID))
  process.stdout.write(json ? `${JSON.stringify({ ...line, runs })}\n` : `\n${transactionTree({ record: line, runs, scopes: scopes() })}`)
}

/** A line of a plugin's log: who, what, and the fields that are its own. */
function logged({ time: _, level, plugin, hook, text, error, session: __, id: ___, ...own }: Readonly<Record<string, unknown>>): string {
  const who = [level, plugin, hook].filter((part) => part !== undefined).join(' ')
  return `${who}: ${text}${Object.keys(own).length > 0 ? ` ${JSON.stringify(own)}` : ''}${reason(error)}`
}

function reason(error: unknown): string {
  if (error === undefined) return ''
  return `: ${typeof error === 'object' && error !== null && 'stack' in error ? error.stack : error}`
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
