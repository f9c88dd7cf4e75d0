/** `postroad dev`: the server while it is being written. A saved file is a new generation; each transaction is shown as a tree. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import path from 'node:path'
import { BootError, guardProcess, type HookRun, PostroadError, type Server } from '@postroad/core'
import { errorOf } from '@postroad/plugin'
import type { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import { ownFiles } from '../config/modules.ts'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { type TimedRun, transactionTree } from './dev-tree.ts'
import { watchFiles } from './dev-watch.ts'

/** Milliseconds: editors write a file in several steps. */
const QUIET = 100

/** Adds `dev`. */
export function devCommand(program: Command, outcome: { code: number }): void {
  program
    .command('dev')
    .description(
      'start the server, reload on every save, and show each transaction as a tree: hooks, waves, opinions, facts, milliseconds',
    )
    .argument('[config]', 'configuration file or folder')
    .option('--json', 'print canonical lines with the runs of handlers instead of trees')
    .action(async (given: string | undefined, { json }: { readonly json?: boolean }) => {
      outcome.code = await develop(given, json ?? false)
    })
}

async function develop(given: string | undefined, json: boolean): Promise<number> {
  const tables = new Set<string>()
  const tracer = traceRuns()
  let server: Server | undefined
  const write = (text: string): void => {
    for (const line of text.trimEnd().split('\n'))
      show(JSON.parse(line), { tracer, json, scopes: () => server?.explain() ?? [] })
  }
  const opened = await open(given, {
    log: { format: 'json', level: 'info', write },
    onFile: (file) => void tables.add(file),
  })
  server = opened.server
  guardProcess(server.log)
  await server.listen()
  say(
    `${server.hostname} listens on ${server.addresses.map((one) => one.path ?? `${one.host}:${one.port}`).join(', ')}; watching ${path.relative('.', opened.file)} and what it imports`,
  )
  const watched = (): readonly string[] => [opened.file, ...ownFiles(), ...tables]
  const watcher = watchFiles(watched, { quietMs: QUIET, changed: () => reload(opened.server, given) })
  await new Promise<void>((resolve) => void process.once('SIGINT', resolve).once('SIGTERM', resolve))
  watcher.close()
  tracer.stop()
  await opened.server.close({ grace: 0 })
  await opened.close()
  return 0
}

async function reload(server: Server, given: string | undefined): Promise<void> {
  const started = performance.now()
  try {
    const { config, outdated } = await loadConfig(given)
    await server.reload(config)
    say(`reloaded in ${Math.round(performance.now() - started)} ms`)
    if (outdated.length > 0) say(`installed packages have changed; start again to use them: ${outdated.join(', ')}`)
  } catch (error) {
    const isKnown = error instanceof BootError || error instanceof PostroadError || error instanceof UsageError
    say(`not reloaded, the old one goes on${isKnown ? `: ${error.message}` : reason(errorOf(error))}`)
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
  const begun = new WeakMap<
    object,
    { readonly at: number; readonly timed: { -readonly [K in keyof TimedRun]: TimedRun[K] } }
  >()
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
  process.stdout.write(
    json ? `${JSON.stringify({ ...line, runs })}\n` : `\n${transactionTree({ record: line, runs, scopes: scopes() })}`,
  )
}

/** A line of a plugin's log: who, what, and the fields that are its own. */
function logged({
  time: _,
  level,
  plugin,
  hook,
  text,
  error,
  session: __,
  id: ___,
  ...own
}: Readonly<Record<string, unknown>>): string {
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
