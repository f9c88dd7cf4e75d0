/** What plugins hook that is never asked where another server takes responsibility: a mistake where mail would pass unjudged, else a warning. */
import type { HookName, PluginInstance, SessionProtocol } from '@postroad/plugin'
import type { ScopeSpec, Use } from '../config/scope.ts'
import type { Mistakes } from '../errors.ts'
import { titleOf } from './handler.ts'

/** Hooks that look into the message; a policy listener has none. */
const OF_MESSAGE: readonly HookName[] = ['receive', 'message', 'rewrite']
/** Whoever takes responsibility is asked these. */
const TAKERS: readonly HookName[] = ['queue', 'quarantine']
/** Not asked, or not told, where another server is in charge. */
const UNASKED: readonly HookName[] = ['route', 'queue', 'quarantine', 'auth', 'verify', 'expand', 'help', 'unknown']

/** The kinds of sessions that a scope has. */
export interface Roles {
  readonly takes: boolean
  readonly judgesMessages: boolean
  readonly judgesEnvelopes: boolean
}

/** By the protocols of its listeners. */
export function rolesOf(protocols: Iterable<string>): Roles {
  const all = new Set<string>(protocols)
  const of = (...names: readonly SessionProtocol[]): boolean => names.some((name) => all.has(name))
  return { takes: of('smtp', 'lmtp'), judgesMessages: of('milter'), judgesEnvelopes: of('policy') }
}

/** What one scope's own plugins hook in vain; those of the scopes around it may have others in mind. */
export function checkRoles(
  spec: ScopeSpec,
  roles: Roles,
  { instances, mistakes }: { readonly instances: ReadonlyMap<Use, PluginInstance>; readonly mistakes: Mistakes },
): void {
  for (const use of spec.uses) {
    const title = titleOf({ plugin: use.name, ownName: use.plugin.name })
    const ofMessage = hooked(OF_MESSAGE, instances.get(use))
    if (roles.judgesEnvelopes && ofMessage.length > 0)
      mistakes.add(
        'ERR_ROLE',
        `${title} hooks ${list(ofMessage)}, and a policy listener has no message: listen({ protocol: 'milter' }), or leave ${title} out of this scope`,
      )
    const takes = hooked(TAKERS, instances.get(use))
    if (!roles.takes && (roles.judgesMessages || roles.judgesEnvelopes) && takes.length > 0)
      mistakes.add(
        'ERR_ROLE',
        `${title} hooks ${list(takes)}, which belongs to the server that asks: use it in a scope that listens for smtp`,
      )
  }
}

/** For an operator who looks at a scope that judges: what is there and does nothing. */
export function roleWarnings(
  table: Readonly<Partial<Record<HookName, unknown>>>,
  roles: Roles,
  who: (hook: HookName) => readonly string[],
): readonly string[] {
  if (!roles.judgesMessages && !roles.judgesEnvelopes) return []
  const where = roles.takes ? ' on its milter and policy listeners' : ''
  return [
    ...UNASKED.flatMap((hook) =>
      table[hook] && !(roles.takes && TAKERS.includes(hook))
        ? [`${list(who(hook))} hooks ${hook}, which is not asked here${where}: it belongs to the server that asks`]
        : [],
    ),
    ...(table.accepted && !roles.takes
      ? who('accepted')
          .filter((one) => !who('judged').includes(one))
          .map((one) => `${one} hooks accepted, which is not told here${where}: judged is`)
      : []),
  ]
}

function hooked(hooks: readonly HookName[], instance: PluginInstance | undefined): readonly HookName[] {
  return hooks.filter((hook) => {
    try {
      return instance?.[hook] !== undefined
    } catch {
      return false // said by whoever compiles the table
    }
  })
}

function list(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
