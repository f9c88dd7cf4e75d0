/** The services every server has without a plugin: embedded, on disk, surviving a restart. */
import path from 'node:path'
import { Clock, type DefaultService, Limiter, Lock, type Service, Spool, Store } from '@postroad/plugin'
import { systemClock } from './clock.ts'
import { embeddedLimiter } from './limiter.ts'
import { embeddedLock } from './lock.ts'
import { embeddedSpool } from './spool.ts'
import { embeddedStore } from './store.ts'

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
  const kept = <T>(service: Service<T>, name: string, open: (folder: string) => T): DefaultService => {
    const own = path.join(folder, name)
    return { service, folder: own, create: once(() => open(own)) }
  }
  return {
    services: [
      { service: Clock, create: () => clock },
      kept(Store, 'store', (own) => opened(embeddedStore(own, clock))),
      kept(Limiter, 'limiter', (own) => opened(embeddedLimiter(own, clock))),
      kept(Spool, 'spool', (own) => opened(embeddedSpool(own))),
      kept(Lock, 'lock', (own) => opened(embeddedLock(own, clock))),
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
