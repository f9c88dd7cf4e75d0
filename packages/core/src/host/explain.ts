/** What a configuration means, before a byte is received: scopes, listeners, hooks, waves, EHLO keywords. */
import { HOOKS, type HookKind, type HookName } from '@postroad/plugin'
import { type AnyHandler, titleOf } from '../plan/handler.ts'
import { flat, type HookTable } from '../plan/hook-table.ts'
import { roleWarnings } from '../plan/roles.ts'
import type { CompiledScope, Generation } from './generation.ts'
import type { ExplainedKind } from './listener-kind.ts'
import { counts } from './listening.ts'

/** One handler, as shown. */
export interface ExplainedHandler {
  /** Its name in the scope: its own, or what `as` says. */
  readonly plugin: string
  /** The plugin's own name, by which orders go. */
  readonly ownName: string
  readonly mode: 'enforce' | 'shadow'
  readonly onError: string
  /** Milliseconds. */
  readonly timeout: number
  readonly provides: readonly string[]
  readonly conditional: boolean
}

/** One listener, as shown. */
interface ExplainedListener extends ExplainedKind {
  readonly name: string
  readonly place: string
  readonly protocol: string
  /** Absolute paths; empty where its certificates are no files, or there is none. */
  readonly certificateFiles: readonly { readonly cert: string; readonly key: string }[]
  /** Of kind `policy`: whom a question reaches. */
  readonly asks?: readonly string[]
}

/** One scope, as shown. */
export interface ExplainedScope {
  readonly name: string
  readonly listeners: readonly ExplainedListener[]
  readonly keywords: readonly string[]
  /** Waves of handlers by hook, in the order of the protocol. */
  readonly hooks: Readonly<Partial<Record<HookName, readonly (readonly ExplainedHandler[])[]>>>
  /** What would surprise an operator. */
  readonly warnings: readonly string[]
  /** What is no mistake, and good to know. */
  readonly notes: readonly string[]
}

/** What a generation means, scope by scope, as data. */
export function explain(generation: Generation): readonly ExplainedScope[] {
  const unserved = unservedRoutes(generation)
  return generation.scopes.map((compiled) => ({
    name: compiled.scope.name,
    listeners: compiled.listening.map((one) => ({
      name: one.name,
      place: one.place,
      protocol: one.protocol,
      certificateFiles: one.files.map(({ cert, key }) => ({ cert, key })),
      ...one.explain(),
      ...(one.protocol === 'policy' && { asks: askedOf(compiled.judging.table) }),
    })),
    keywords: keywords(compiled),
    hooks: Object.fromEntries(
      HOOKS.flatMap(({ name, kind }) => {
        const handlers = compiled.scope.table[name]
        return handlers ? [[name, shownWaves(kind, handlers)]] : []
      }),
    ),
    notes: [
      ...(compiled.listening.length > 0 && compiled.roles.takes ? takingNotes(compiled.scope.table) : []),
      ...compiled.remarks.notes,
    ],
    warnings: [
      ...(compiled.listening.length > 0 ? warnings(compiled) : []),
      ...compiled.listening.flatMap((one) => one.warnings),
      ...(unserved.get(compiled) ?? []),
      ...compiled.remarks.warnings,
    ],
  }))
}

/** By the scope that uses them: plugins with routes that nobody can ask for. */
function unservedRoutes({ scopes }: Generation): ReadonlyMap<CompiledScope, readonly string[]> {
  const served = new Set(
    scopes.flatMap(({ listening }) => listening.flatMap((one) => one.explain().routes ?? [])).map(routeKey),
  )
  const said = new Set<string>()
  const warnings = new Map<CompiledScope, string[]>()
  for (const scope of scopes)
    for (const { plugin, route } of scope.routes) {
      const key = routeKey({ plugin, ...route })
      if (served.has(key) || said.has(key)) continue
      said.add(key)
      const listener =
        route.access === 'link' ? "listen({ protocol: 'http', routes: 'links' })" : "listen({ protocol: 'http' })"
      const text = `${plugin}: ${route.method} ${route.path} is served by no listener: ${listener} in this scope, or one within it`
      warnings.set(scope, [...(warnings.get(scope) ?? []), text])
    }
  return warnings
}

function routeKey({ plugin, method, path }: { plugin: string; method: string; path: string }): string {
  return `${plugin} ${method} ${path}`
}

/** The same for people. */
export function explainText(scopes: readonly ExplainedScope[]): string {
  return scopes.map(scopeText).join('\n\n')
}

function scopeText(scope: ExplainedScope): string {
  const hooks = Object.entries(scope.hooks).map(
    ([hook, waves]) =>
      `  ${hook.padEnd(10)} ${(waves ?? []).map((wave) => wave.map(handlerText).join(' + ')).join('  →  ')}`,
  )
  return [
    `scope ${scope.name}`,
    ...scope.listeners.flatMap(listenerText),
    ...(scope.keywords.length > 0 ? [`  EHLO       ${scope.keywords.join(' ')}`] : []),
    ...hooks,
    ...scope.warnings.map((warning) => `  warning    ${warning}`),
    ...scope.notes.map((note) => `  note       ${note}`),
  ].join('\n')
}

function listenerText({
  place,
  protocol,
  notes,
  routes = [],
  asks,
  asked,
  copy = [],
}: ExplainedListener): readonly string[] {
  return [
    `  listens    ${place} (${[protocol, ...notes].join(', ')})`,
    ...routes.map(
      ({ method, path, access, plugin, summary }) =>
        `  serves     ${method.padEnd(6)} ${path} (${access}; ${plugin}): ${summary}`,
    ),
    ...(asks
      ? [`  asks       ${asks.length > 0 ? asks.join(', ') : 'nobody: no plugin of the scope judges an envelope'}`]
      : []),
    ...Object.entries(asked ?? {}).map(([what, words]) => `  ${what.padEnd(10)} ${words.join(' ')}`),
    ...copy.map(({ file, line }) => `  ${file.padEnd(10)} ${line}`),
  ]
}

/** Hooks that a question about an envelope comes to. */
const OF_ENVELOPES: readonly HookName[] = ['connect', 'helo', 'mail', 'rcpt', 'nexthop', 'data']

function askedOf(table: HookTable): readonly string[] {
  return [...new Set(OF_ENVELOPES.flatMap((hook) => flat(table[hook]).map(titleOf)))]
}

function handlerText(handler: ExplainedHandler): string {
  const notes = [
    ...(handler.mode === 'shadow' ? ['shadow'] : []),
    ...(handler.onError === 'defer' ? [] : [`on error ${handler.onError}`]),
    ...(handler.conditional ? ['when …'] : []),
    ...(handler.provides.length > 0 ? [`sets ${handler.provides.join(', ')}`] : []),
  ]
  return notes.length > 0 ? `${titleOf(handler)} (${notes.join('; ')})` : titleOf(handler)
}

/** Handlers that run in turn are each a wave of their own to the reader. */
function shownWaves(
  kind: HookKind,
  handlers: readonly (readonly AnyHandler[])[] | readonly AnyHandler[],
): readonly (readonly ExplainedHandler[])[] {
  const isInWaves = kind === 'ask' || kind === 'tell'
  return isInWaves
    ? handlers.map((wave) => [wave].flat().map(shown))
    : flat(handlers).map((handler) => [shown(handler)])
}

function shown(handler: AnyHandler): ExplainedHandler {
  return {
    plugin: handler.plugin,
    ownName: handler.ownName,
    mode: handler.shadow ? 'shadow' : 'enforce',
    onError: handler.onError,
    timeout: handler.timeout,
    provides: [...handler.provides],
    conditional: handler.when !== undefined,
  }
}

/** What EHLO says on any listener of the scope; in brackets what it says under TLS only, where somebody is also heard in the clear. */
function keywords({ offer, listening }: CompiledScope): readonly string[] {
  const said = listening.flatMap((one) => one.keywords?.(offer) ?? [])
  const clear = [...new Set(said.flatMap((one) => one.clear))]
  const secure = [...new Set(said.flatMap((one) => one.secure))].filter((one) => !clear.includes(one))
  return clear.length === 0 ? secure : [...clear, ...secure.map((one) => `${one} (under TLS)`)]
}

function warnings({ scope: { table }, roles }: CompiledScope): readonly string[] {
  const who = (hook: HookName): readonly string[] => [...new Set(flat(table[hook]).map(titleOf))]
  return [...(roles.takes ? takingWarnings(table) : []), ...roleWarnings(table, roles, who)]
}

/** Whether a plugin ever wants a message set aside only the plugin knows; a threshold that does, without a place to put it, is a mistake. */
function takingNotes(table: HookTable): readonly string[] {
  return counts(table.quarantine) || !counts(table.message)
    ? []
    : ['nobody answers quarantine: a message that a plugin wants set aside is deferred']
}

function takingWarnings(table: HookTable): readonly string[] {
  return [
    ...(counts(table.route) ? [] : ['nobody answers route: every recipient is refused']),
    ...(counts(table.queue) ? [] : ['nobody answers queue: every message is deferred']),
  ]
}
