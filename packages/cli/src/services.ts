/** The services every server has without a plugin: embedded, and surviving a restart. */
import path from 'node:path'
import { createDns, type Resolver } from '@postroad/dns'
import { type EmbeddedServices, embeddedServices } from '@postroad/embedded'
import { type DefaultService, Dns } from '@postroad/plugin'

/** Made when first needed; closed at the end. */
export interface ServerServices {
  readonly services: readonly DefaultService[]
  close(): Promise<void>
}

/** @param folder absolute: where the stores are kept */
export function serverServices(folder: string, dnsOptions: Parameters<typeof createDns>[0] = {}): ServerServices {
  const embedded: EmbeddedServices = embeddedServices(path.join(folder, 'services'))
  let dns: Resolver | undefined
  return {
    services: [...embedded.services, { service: Dns, create: () => (dns ??= createDns(dnsOptions)) }],
    close: () => embedded.close(),
  }
}
