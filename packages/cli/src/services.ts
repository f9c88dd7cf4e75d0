/** The services every server has without a plugin: embedded, and surviving a restart. */
import path from 'node:path'
import { createDns, type Resolver } from '@postroad/dns'
import { type EmbeddedServices, embeddedServices } from '@postroad/embedded'
import { type DefaultService, Dns } from '@postroad/plugin'
import { MailRecords, openRecords } from '@postroad/records'

/** Made when first needed; closed at the end. */
export interface ServerServices {
  readonly services: readonly DefaultService[]
  close(): Promise<void>
}

/** @param folder absolute: where the stores are kept */
export function serverServices(folder: string, dnsOptions: Parameters<typeof createDns>[0] = {}): ServerServices {
  const embedded: EmbeddedServices = embeddedServices(path.join(folder, 'services'))
  const kept = recordFolder(folder)
  let records: MailRecords | undefined
  let dns: Resolver | undefined
  return {
    services: [
      ...embedded.services,
      { service: Dns, create: () => (dns ??= createDns(dnsOptions)) },
      { service: MailRecords, folder: kept, create: () => (records ??= openRecords({ folder: kept })) },
    ],
    async close() {
      await records?.close()
      await embedded.close()
    },
  }
}

/** Where the records of a server are kept, in the folder of all that it keeps. */
export function recordFolder(folder: string): string {
  return path.join(folder, 'records')
}
