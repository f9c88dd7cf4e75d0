/** The services every server has without a plugin: embedded, on disk, surviving a restart. */
import path from 'node:path'
import { Clock, Limiter, Lock, Spool, Store } from '@postroad/plugin'
import type { DefaultService } from './host/generation.ts'
import { systemClock } from './service/clock.ts'
import { embeddedLimiter } from './service/limiter.ts'
import { embeddedLock } from './service/lock.ts'
import { embeddedSpool } from './service/spool.ts'
import { embeddedStore } from './service/store.ts'

/** Made when first needed. */
export interface EmbeddedServices {
  readonly services: readonly DefaultService[]
  /** Closes those that were made. */
  close(): Promise<void>
}

/** @param folder absolute; each service has a folder of its own in it */
export function embeddedServices(folder: string): EmbeddedServices {
  const made: { close(): Promise<void> }[] = []
  const clock = systemClock()
  const opened = <T extends { close(): Promise<void> }>(service: T): T => {
    made.push(service)
    return service
  }
  return {
    services: [
      { service: Clock, create: () => clock },
      { service: Store, create: once(() => opened(embeddedStore(path.join(folder, 'store'), clock))) },
      { service: Limiter, create: once(() => opened(embeddedLimiter(path.join(folder, 'limiter'), clock))) },
      { service: Spool, create: once(() => opened(embeddedSpool(path.join(folder, 'spool')))) },
      { service: Lock, create: once(() => opened(embeddedLock(path.join(folder, 'lock'), clock))) },
    ],
    async close() {
      await Promise.all(made.map((service) => service.close()))
    },
  }
}

/** A reload asks again; the file is opened once. */
function once<T>(create: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: create() }
    return made.value
  }
}
