/** Turns the hooks of the plugins a scope sees into a table: waves by hook, checked. */
import {
  type Changes,
  HOOKS,
  type HookName,
  type HookOptions,
  type Mechanism,
  type PluginInstance,
  type QueueFeature,
} from '@postroad/plugin'
import { placeOf, type ScopeSpec, type Use } from '../config/scope.ts'
import type { Mistakes } from '../errors.ts'
import { awaitedHooks, checkFacts } from './facts.ts'
import { type Handler, titleOf } from './handler.ts'
import type { HookTable, Wave } from './hook-table.ts'
import { isNamed, type NamedUses, namedByAuthor, namedByOperator, namedUses } from './order.ts'
import { CycleError, waves } from './waves.ts'

const NAMES: ReadonlySet<string> = new Set(HOOKS.map((hook) => hook.name))
const IN_TURN: ReadonlySet<HookName> = new Set(
  HOOKS.filter(({ kind }) => kind === 'first' || kind === 'fold' || kind === 'tap').map(({ name }) => name),
)
const NOT_HOOKS = new Set([
  'start',
  'close',
  'commands',
  'services',
  'folders',
  'routes',
  'identify',
  'desks',
  'remarks',
  'checks',
])
/** Hooks where points may be given. At `delivery` the answers are other ones. */
export const OPINION_HOOKS: readonly HookName[] = HOOKS.filter(
  ({ name, kind }) => kind === 'ask' && name !== 'delivery',
).map(({ name }) => name)
const OBSERVED: ReadonlySet<string> = new Set(OPINION_HOOKS)
const BESIDE = new Set([
  'handler',
  'after',
  'before',
  'provides',
  'timeout',
  'mechanisms',
  'relays',
  'supports',
  'carries',
  'spool',
  'ways',
  'observes',
  'points',
  'changes',
  'inTurn',
])
/** The order in which handlers of `rewrite` run, by what they change: a signature is made of what leaves. */
const PHASES: readonly Changes[] = ['body', 'envelope', 'header', 'seal']
const TIMEOUT = 10_000
const LONG_TIMEOUT = 60_000

type Spec = HookOptions & {
  readonly handler: (context: never) => unknown
  readonly mechanisms?: readonly Mechanism[]
  readonly relays?: boolean
  readonly supports?: readonly QueueFeature[]
  readonly carries?: (via: string) => boolean
  readonly spool?: string
  readonly ways?: Handler['ways']
  readonly changes?: Changes
  readonly observes?: boolean
  readonly points?: boolean
}

/** The table of a scope. Mistakes are added, and what is wrong is left out. */
export function compile(scope: ScopeSpec, instances: ReadonlyMap<Use, PluginInstance>, mistakes: Mistakes): HookTable {
  const uses = scope.visible.filter((use) => instances.has(use))
  const own = new Set(scope.uses)
  const named = namedUses(scope.visible)
  const handlers = new Map<HookName, Handler[]>()
  for (const [index, use] of uses.entries()) {
    // A mistake of a plugin is reported once, in the scope that uses it.
    const sink = own.has(use) ? mistakes : undefined
    try {
      for (const [hook, spec] of hooksOf(use, instances.get(use) ?? {}, sink)) {
        const known = handlers.get(hook) ?? []
        handlers.set(hook, known)
        known.push(handlerOf(use, hook, { spec, index, named }))
      }
    } catch (cause) {
      // What `setup` returned throws when it is read.
      sink?.add('ERR_HOOK', `the hooks of ${use.name} cannot be read`, cause)
    }
    if (sink) checkOrder(use, scope, { named, mistakes: sink })
  }
  // With a plugin missing that could not be set up, a missing fact says nothing.
  if (uses.length === scope.visible.length) checkFacts(scope.name, handlers, mistakes)
  const table: Partial<Record<HookName, readonly Wave[] | readonly Handler[]>> = {}
  for (const [hook, unsorted] of handlers) {
    const known = unsorted.map((one) => ({ ...one, awaits: awaitedHooks(one, handlers) }))
    const sorted = sort(hook, known, mistakes)
    // Where handlers run in turn there is nothing to run at the same time: one flat list.
    if (sorted) table[hook] = IN_TURN.has(hook) ? sorted.flat() : sorted
  }
  // `as`: which hooks have waves and which a list was decided by their kinds just now.
  return { ...(table as Omit<HookTable, 'plugins'>), plugins: uses.map((use) => use.name) }
}

function sort(hook: HookName, handlers: readonly Handler[], mistakes: Mistakes): readonly Wave[] | undefined {
  try {
    return waves(hook, handlers)
  } catch (error) {
    if (!(error instanceof CycleError)) throw error
    mistakes.add('ERR_CYCLE', error.message)
    return undefined
  }
}

function hooksOf(use: Use, instance: PluginInstance, mistakes: Mistakes | undefined): [HookName, Spec][] {
  const result: [HookName, Spec][] = []
  for (const [hook, value] of Object.entries(instance)) {
    if (NOT_HOOKS.has(hook) || value === undefined) continue
    // `as`: whatever a plugin without types returned; its shape is what is being checked.
    const spec = (typeof value === 'function' ? { handler: value } : value) as Spec
    if (!NAMES.has(hook)) mistakes?.add('ERR_HOOK', `${use.name} answers "${hook}", which is no hook`)
    else if (typeof spec !== 'object' || typeof spec.handler !== 'function')
      mistakes?.add('ERR_HOOK', `${use.name}.${hook} is neither a function nor { handler }`)
    else {
      for (const key of Object.keys(spec))
        if (!BESIDE.has(key))
          mistakes?.add('ERR_HOOK', `${use.name}.${hook}: there is no option "${key}" beside a handler`)
      for (const key of ['observes', 'points'] as const)
        if (spec[key] !== undefined && !OBSERVED.has(hook))
          mistakes?.add('ERR_HOOK', `${use.name}.${hook}: "${key}" goes with hooks of opinions`)
      if (spec.changes !== undefined && (hook !== 'rewrite' || !PHASES.includes(spec.changes)))
        mistakes?.add(
          'ERR_HOOK',
          `${use.name}.${hook}: "changes" goes with rewrite, and is one of ${PHASES.join(', ')}`,
        )
      if (hook === 'auth' && !spec.mechanisms?.length)
        mistakes?.add('ERR_HOOK', `${use.name}.auth does not say its mechanisms`)
      if (spec.relays !== undefined && hook !== 'auth')
        mistakes?.add('ERR_HOOK', `${use.name}.${hook}: "relays" goes with auth`)
      result.push([hook as HookName, spec]) // it was just found among the names
    }
  }
  return result
}

interface HandlerSource {
  readonly spec: Spec
  readonly index: number
  readonly named: NamedUses
}

function handlerOf(use: Use, hook: HookName, { spec, index, named }: HandlerSource): Handler {
  const { options } = use
  const byAuthor = (name: string): readonly string[] => namedByAuthor(name, use, named)
  const byOperator = (name: string): readonly string[] => namedByOperator(name, use, named)
  return {
    plugin: use.name,
    ownName: use.plugin.name,
    hook,
    run: spec.handler as Handler['run'], // whatever it takes: it was defined for this hook
    after: [
      ...(spec.after ?? []).flatMap<Handler['after'][number]>((one) =>
        typeof one === 'string' ? byAuthor(one) : [one],
      ),
      ...(options.after ?? []).flatMap(byOperator),
    ],
    before: [...(spec.before ?? []).flatMap(byAuthor), ...(options.before ?? []).flatMap(byOperator)],
    provides: new Set((spec.provides ?? []).map((fact) => fact.name)),
    timeout: options.timeout ?? spec.timeout ?? (hook === 'queue' || hook === 'quarantine' ? LONG_TIMEOUT : TIMEOUT),
    shadow: options.mode === 'shadow',
    onError: options.onError ?? 'defer',
    // `as`: at hooks of deliveries there is no session. A condition that reads it fails there, which is said.
    when: options.when as Handler['when'],
    awaits: [],
    mechanisms: spec.mechanisms ?? [],
    relays: spec.relays === true,
    supports: spec.supports ?? [],
    carries: spec.carries,
    spool: spec.spool,
    ways: spec.ways,
    phase: hook === 'rewrite' ? Math.max(0, PHASES.indexOf(spec.changes ?? 'header')) : 0,
    inTurn: spec.inTurn === true,
    observes: spec.observes === true,
    points: spec.points !== false,
    index,
    asynchronous: undefined,
  }
}

/** Names the author gives may be of plugins that are not in use; names the operator gives may not. */
function checkOrder(
  use: Use,
  scope: ScopeSpec,
  { named, mistakes }: { readonly named: NamedUses; readonly mistakes: Mistakes },
): void {
  const title = titleOf({ plugin: use.name, ownName: use.plugin.name })
  for (const side of ['before', 'after'] as const)
    for (const [at, name] of (use.options[side] ?? []).entries())
      if (!isNamed(name, named))
        mistakes.add(
          'ERR_ORDER',
          `${placeOf(use, [side, at])}${title} is to run before or after "${name}", which is not in use in scope "${scope.name}"`,
        )
}
