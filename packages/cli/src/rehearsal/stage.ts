/** What plugins get in place of services when nothing may stay or be seen by others: for `postroad try`. */
import { existsSync } from 'node:fs'
import type { ServerOptions } from '@postroad/core'
import { Clock, type DefaultService, Limiter, Lock, Spool, Store } from '@postroad/plugin'
import { overlayStore } from './overlay-store.ts'

/** What is over the services, whoever provides them: the embedded ones, or Redis. */
export interface Stage {
  readonly services: readonly DefaultService[]
  readonly substitutes: NonNullable<ServerOptions['substitutes']>
}

/** Stores are read, because tables live there; limits and locks begin anew. A store that is not there is not made by looking into it. */
export async function rehearsalStage(services: readonly DefaultService[]): Promise<Stage> {
  const { memoryLimiter, memoryLock, memorySpool, memoryStore } = await import('@postroad/testing')
  // `as`: the service of this key.
  const clock = services.find(({ service }) => service.name === Clock.name)?.create() as Clock
  const [limiter, lock, spool] = [memoryLimiter(clock), memoryLock(), memorySpool()]
  const overlays = new Map<unknown, Store>()
  const overlay = (real: Store): Store => {
    const known = overlays.get(real) ?? overlayStore(real, memoryStore(clock))
    overlays.set(real, known)
    return known
  }
  return {
    services: services.map((one) => {
      const isAbsent = one.service.name === Store.name && one.folder !== undefined && !existsSync(one.folder)
      return isAbsent ? { service: Store, create: () => memoryStore(clock) } : one
    }),
    substitutes: new Map<string, (real: () => unknown) => unknown>([
      [Store.name, (real) => overlay(real() as Store)], // of this key
      [Limiter.name, () => limiter],
      [Lock.name, () => lock],
      [Spool.name, () => spool],
    ]),
  }
}
