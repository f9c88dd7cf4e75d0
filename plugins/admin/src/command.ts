/** `postroad admin …`: how a browser gets in. */
import { userInfo } from 'node:os'
import type { Host, PluginCommand } from '@postroad/plugin'
import { type Sessions, TICKET_MS } from './session.ts'

const USAGE = 64
const FAILED = 1

interface Deps {
  readonly host: Host
  readonly sessions: () => Promise<Sessions>
  now(): number
}

/** The commands. */
export function adminCommands({ host, sessions, now }: Deps): Readonly<Record<string, PluginCommand>> {
  return {
    open: {
      summary: 'a link that logs one browser in, once',
      usage: '[read | operate | admin] (default: admin)',
      async run([role = 'admin'], io) {
        if (role !== 'read' && role !== 'operate' && role !== 'admin') return USAGE
        const place = placeOf(host)
        if (place === undefined) {
          io.print('No listener of kind http serves the page: listen({ protocol: "http", port: 8025 })')
          return FAILED
        }
        if ('socket' in place) {
          io.print(
            `The page is served on ${place.socket}, a UNIX socket: a browser comes there by a tunnel, ssh -L 8025:${place.socket} HOST`,
          )
          return 0
        }
        const ticket = await (await sessions()).ticket(nameOf(), role, now())
        const url = `${place.url}/#ticket=${ticket}`
        if (io.json) io.row({ url, role, minutes: TICKET_MS / 60_000 })
        else io.print(url)
        return 0
      },
    },
  }
}

interface Listener {
  readonly place: string
  readonly protocol: string
  readonly tls?: string
  readonly hosts?: readonly string[]
  readonly routes?: readonly { readonly path: string; readonly method: string }[]
}

/** Where the page is; a port before a socket. */
export function placeOf(host: Host): { readonly url: string } | { readonly socket: string } | undefined {
  const scopes = host.explain() as readonly { readonly listeners: readonly Listener[] }[] // the core's own
  const serving = scopes
    .flatMap(({ listeners }) => listeners)
    .filter(({ routes = [] }) => routes.some(({ path, method }) => path === '/v1/session' && method === 'POST'))
  const onPort = serving.find(({ place }) => !place.startsWith('/'))
  if (!onPort) return serving[0] && { socket: serving[0].place }
  const [, name = '', port = ''] = /^(.*):(\d+)$/.exec(onPort.place) ?? []
  const shown =
    name === '*' || name === '::' || name === '0.0.0.0'
      ? 'localhost'
      : name.includes(':') && !name.startsWith('[')
        ? `[${name}]`
        : name
  return { url: `${onPort.tls === 'implicit' ? 'https' : 'http'}://${shown}:${port}` }
}

function nameOf(): string {
  try {
    return `${userInfo().username}@console`
  } catch {
    return 'console' // a user that no table knows, as in containers
  }
}
