/** Listeners of kind `http`: they serve the routes of the plugins that their scope sees. */
import path from 'node:path'
import type { HttpListener, HttpListenerOptions, HttpToken, OwnedRoute } from '@postroad/http'
import { textOf } from '@postroad/plugin'
import type { HttpListenSettings } from '../config/listen.ts'
import type { ExplainedKind, KindContext, ListenerKind, ListenerPlan } from './listener-kind.ts'

/** In the server's folder: where `postroad token` writes when nothing else is said. */
const TOKEN_FILE = 'tokens.json'

/** One listener serves all routes that its scope sees, or only those for everybody. */
export const httpKind: ListenerKind<HttpListenSettings> = {
  name: 'http',
  role: undefined,
  async plan({ tokenFile, protocol: _kind, ...given }, context) {
    // Most servers have no such listener, and start without what it takes.
    const { createHttpListener, isServed } = await import('@postroad/http')
    const file = tokenFileOf(given, tokenFile, context)
    const stored = await storedTokens(given.name, file, context)
    const options: HttpListenerOptions = { ...given, tokens: [...(given.tokens ?? []), ...(stored ?? [])] }
    await check(options, stored !== undefined, context)
    const isSecure = (given.tls ?? 'implicit') === 'implicit' && [given.certificate ?? []].flat().length > 0
    const served = context.routes.filter(({ route }) => isServed(route.access, given.routes))
    return {
      isSecure,
      warnings: warningsOf(options, served),
      explain: () => ({ ...explained(options, { isSecure, served }), ...(file !== undefined && { tokenFile: file }) }),
      open: ({ site, onError }, keeper) => createHttpListener({ onError, ...options }, site, keeper),
      update: (listener, { site, onError }) => (listener as HttpListener).update({ onError, ...options }, site), // made by `open`
      ...(file !== undefined && { watch: await watchOf(file, { given: given.tokens ?? [], stored: stored ?? [] }) }),
    }
  },
}

/** Absolute; undefined where nobody is asked for a token. */
function tokenFileOf(
  { routes }: Pick<HttpListenSettings, 'routes'>,
  tokenFile: string | undefined,
  { base, folder }: KindContext,
): string | undefined {
  if (tokenFile !== undefined) return path.resolve(base, tokenFile)
  return (routes ?? 'all') === 'all' ? path.join(folder, TOKEN_FILE) : undefined
}

/** Undefined when they cannot be read, which is said. */
async function storedTokens(
  name: string,
  file: string | undefined,
  { mistake }: KindContext,
): Promise<readonly HttpToken[] | undefined> {
  if (file === undefined) return []
  const { tokenFile } = await import('@postroad/http')
  try {
    return await tokenFile(file).read()
  } catch (error) {
    mistake('ERR_LISTEN', `${name}: tokenFile: ${textOf(error)}`)
    return undefined
  }
}

async function check(
  options: HttpListenerOptions,
  areRead: boolean,
  { isUnread, mistake }: KindContext,
): Promise<void> {
  const { httpMistakes } = await import('@postroad/http')
  // Of files that cannot be read nobody knows what they would have been good for.
  const judged = {
    ...options,
    ...(isUnread && { tls: 'none' as const }),
    ...(!areRead && { routes: 'public' as const, tokens: [] }),
  }
  for (const one of httpMistakes(judged)) mistake('ERR_LISTEN', `${options.name}: ${one}`)
}

async function watchOf(
  file: string,
  { given, stored }: { readonly given: readonly HttpToken[]; readonly stored: readonly HttpToken[] },
): Promise<NonNullable<ListenerPlan['watch']>> {
  const { tokenFile } = await import('@postroad/http')
  return (listener, report) =>
    tokenFile(file).watch({
      known: stored,
      onChange(fresh) {
        ;(listener as HttpListener).setTokens([...given, ...fresh]) // made by `open`
        report.changed('tokens were read again')
      },
      onError: (error) => report.failed(error, 'tokens cannot be read again; the old ones stay'),
    })
}

function explained(
  options: HttpListenerOptions,
  { isSecure, served }: { readonly isSecure: boolean; readonly served: readonly OwnedRoute[] },
): ExplainedKind {
  const tls = isSecure ? 'implicit' : 'none'
  return {
    tls,
    routes: served.map(({ plugin, route: { method, path, access, summary } }) => ({
      plugin,
      method,
      path,
      access,
      summary,
    })),
    notes: [`TLS ${tls}`, callersOf(options)],
  }
}

function warningsOf(options: HttpListenerOptions, served: readonly OwnedRoute[]): readonly string[] {
  const { name, routes, tokens = [] } = options
  if (served.length === 0) return [`${name}: no plugin of the scope has ${SOUGHT[routes ?? 'all']} to serve there`]
  const isClosed = tokens.length === 0 && anonymousOf(options) === 'none'
  // Who serves a login has a way of its own to say who may.
  const hasLogin = served.some(({ route }) => route.access === 'login')
  return isClosed && !hasLogin && served.some(({ route: { access } }) => access !== 'public' && access !== 'link')
    ? [`${name}: there is no token, and without one nobody may ask for what is not public: \`postroad token new\``]
    : []
}

const SOUGHT = { all: 'routes', public: 'a public route', links: 'links' } as const

/** Who may ask for what is not public. */
function callersOf(options: HttpListenerOptions): string {
  const { tokens = [], routes } = options
  if (routes === 'public') return 'public routes only'
  if (routes === 'links') return 'links in mail only'
  const anonymous = anonymousOf(options)
  const known = `${tokens.length} ${tokens.length === 1 ? 'token' : 'tokens'}`
  return anonymous === 'none' ? known : `${known}, without one: ${anonymous}`
}

function anonymousOf({ path: socket, anonymous }: HttpListenerOptions): string {
  return anonymous ?? (socket === undefined ? 'none' : 'admin')
}
