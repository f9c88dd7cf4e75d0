import type { ListenerOptions } from '@postroad/smtp'
import type { Config, ListenOptions } from '../config.ts'
import type { Mistakes } from '../errors.ts'
import type { Plan } from './entry.ts'
import type { ScopeSpec } from './scope.ts'

/** A listener that is to be opened. */
export interface Listening {
  readonly options: ListenerOptions
  /** Where: `host:port` or a path. */
  readonly place: string
}

/** What is known of the scope. */
interface Around {
  readonly plan: Plan
  readonly config: Config
  readonly hostname: string
  readonly mistakes: Mistakes
}

/** The listeners of a scope, their contradictions reported. */
export function checkListeners(scope: ScopeSpec, around: Around): readonly Listening[] {
  const { plan, config, hostname, mistakes } = around
  if (scope.listens.length > 0 && config.thresholds?.quarantine !== undefined && !plan.quarantine)
    mistakes.add('ERR_NO_QUARANTINE', `scope "${scope.name}" would have nowhere to put a message of ${config.thresholds.quarantine} points`)
  return scope.listens.map((options) => {
    const place = options.path ?? `${options.host ?? '*'}:${options.port ?? 'no port'}`
    const name = options.name ?? `${scope.name}:${options.path ?? options.port}`
    checkOne(name, options, around)
    return { place, options: { ...options, name, hostname: options.hostname ?? hostname } }
  })
}

function checkOne(name: string, options: ListenOptions, { plan, mistakes }: Around): void {
  const { port, path, tls, certificate, auth } = options
  if ((port === undefined) === (path === undefined)) mistakes.add('ERR_LISTEN', `${name}: give either a port or the path of a UNIX socket`)
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
    mistakes.add('ERR_LISTEN', `${name}: port is a whole number from 0 to 65535, not ${port}`)
  if ((tls === 'required' || tls === 'implicit') && !certificate)
    mistakes.add('ERR_LISTEN', `${name}: tls is "${tls}" and there is no certificate`)
  if (auth === 'required' && !plan.auth) mistakes.add('ERR_NO_AUTH', `${name} requires AUTH`)
}
