/** The targets of routes that name a host: what does not depend on the message is put together once. */
import type { Job } from '@postroad/mail'
import { type Credentials, isTlsRequired, type Target } from './client/target.ts'
import type { TlsChoice } from './tls-choice.ts'

/** Hosts that are remembered. */
const MAX_HOPS = 1_000

type Route = Job['route']

/** What an operator says of all targets. */
interface HopOptions {
  readonly credentials?: Readonly<Record<string, Credentials>>
  readonly localAddress?: string
}

/** The part of a target that a route says, or the options. */
export function baseTarget({ credentials, localAddress }: HopOptions, route: Route, port: number) {
  const auth = credentials?.[String(route.settings?.['credentials'] ?? '')]
  const chunking = chunkingOf(route)
  return {
    protocol: 'smtp',
    port,
    ...(auth && { auth }),
    ...(localAddress !== undefined && { localAddress }),
    ...(!chunking && { chunking }),
  } as const
}

function chunkingOf({ settings }: Route): boolean {
  const setting = settings?.['chunking'] ?? true
  if (typeof setting !== 'boolean')
    throw new TypeError(`smtp transport: a route's settings.chunking is "${setting}"; known are true and false`)
  return setting
}

interface Hop extends Pick<Route, 'port' | 'settings'> {
  readonly target: Target
}

/** Remembers the latest target of each host. */
export class NamedHops {
  readonly #options: HopOptions
  readonly #tls: TlsChoice
  readonly #hops = new Map<string, Hop>()

  constructor(options: HopOptions, tls: TlsChoice) {
    this.#options = options
    this.#tls = tls
  }

  /**
   * The target of a job whose route names a host; undefined when it names none, or somebody has to be asked how TLS must be.
   *
   * @throws {TypeError} when a setting of the route is not one that is known
   */
  target(job: Job): Target | undefined {
    const { route } = job
    const { host, port = 25, settings } = route
    if (host === undefined || host.startsWith('/') || isTlsRequired(job)) return undefined
    const tls = this.#tls.known(settings)
    if (tls === undefined) return undefined
    const known = this.#hops.get(host)
    if (known?.port === port && known.settings === settings && known.target.tls === tls) return known.target
    const target = { ...baseTarget(this.#options, route, port), host, tls }
    if (this.#hops.size >= MAX_HOPS) this.#hops.clear()
    this.#hops.set(host, { port, target, ...(settings && { settings }) })
    return target
  }
}
