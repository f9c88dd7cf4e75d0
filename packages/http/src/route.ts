/** Routes of plugins, and what may be wrong with them. */
import type { HttpRoute } from '@postroad/plugin'

/** A route, and the plugin that serves it. */
export interface OwnedRoute {
  readonly plugin: string
  readonly route: HttpRoute
}

const METHODS: ReadonlySet<unknown> = new Set<HttpRoute['method']>(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
const ACCESSES: ReadonlySet<unknown> = new Set<HttpRoute['access']>([
  'public',
  'login',
  'link',
  'read',
  'operate',
  'admin',
  'send',
])

/** Segments of letters that stand for themselves, `:names`, and `*` at the end. */
const PATH = /^(?:\/(?:[A-Za-z0-9._~-]+|:[A-Za-z][A-Za-z0-9]*|\*(?=$))?)+$/

/** Sentences that begin with the plugin, none when all is well: what cannot be a route, and two for the same requests. */
export function routeMistakes(routes: readonly OwnedRoute[]): readonly string[] {
  const mistakes: string[] = []
  const owners = new Map<string, string>()
  for (const { plugin, route } of routes) {
    const wrong = mistakeOf(route)
    if (wrong !== undefined) {
      mistakes.push(`${plugin}: ${wrong}`)
      continue
    }
    // What a parameter is called makes no difference to who asks.
    const asked = `${route.method} ${route.path.replace(/:[^/]+/g, ':')}`
    const other = owners.get(asked)
    if (other === undefined) owners.set(asked, plugin)
    else
      mistakes.push(
        other === plugin
          ? `${plugin}: it has two routes ${route.method} ${route.path}`
          : `${plugin}: the route ${route.method} ${route.path} is one of ${other}, too`,
      )
  }
  return mistakes
}

/** The compiler has judged none of it when the plugin was written in JavaScript. */
function mistakeOf(route: HttpRoute): string | undefined {
  const { method, path, access, handler } = route
  if (typeof path !== 'string' || !PATH.test(path)) return `${JSON.stringify(path)} cannot be the path of a route`
  if (!METHODS.has(method)) return `${JSON.stringify(method)} cannot be the method of the route ${path}`
  if (!ACCESSES.has(access))
    return `access of the route ${method} ${path} must say who may: ${[...ACCESSES].join(', ')}`
  if (typeof handler !== 'function') return `the route ${method} ${path} has no handler`
  return undefined
}
