/** The carriers of the queue, by the `via` of a route. */
import {
  bestMailHosts,
  discardTransport,
  fixedTransport,
  lmtpTransport,
  maildirTransport,
  smtpTransport,
  type Transport,
} from '@postroad/delivery'
import type { Dns } from '@postroad/plugin'
import type { Carriers, MailHosts } from '@postroad/queue'
import type { RedisQueueOptions } from './options.ts'

/** Transports that are open. */
export interface Transports {
  readonly find: Carriers
  has(via: string): boolean
  close(): Promise<void>
}

/** Opens what the options ask for. */
export function openTransports(options: RedisQueueOptions, hostname: string, dns: Dns): Transports {
  const { maildir, lmtp, smtp } = options
  const final = new Map<string, Transport>([['discard', discardTransport()]])
  if (maildir) final.set('maildir', maildirTransport(maildir))
  if (lmtp) final.set('lmtp', lmtpTransport({ hostname, ...defined(lmtp) }))
  const isFixed = smtp.host !== undefined || smtp.path !== undefined
  const toAnywhere = isFixed ? fixedTransport({ hostname, ...defined(smtp) }) : smtpTransport({ hostname, dns })
  const relays = new Map<string, Transport>([['smtp', toAnywhere], ...Object.entries(options.transports)])
  return {
    find({ via }) {
      const relay = relays.get(via)
      const carrier = relay ?? final.get(via)
      return carrier && { carrier, relays: relay !== undefined }
    },
    has: (via) => relays.has(via) || final.has(via),
    async close() {
      await Promise.all([...relays.values(), ...final.values()].map((transport) => transport.close()))
    },
  }
}

/** How `smtp` finds the hosts of a domain; nothing when it goes to one place, or another transport has its. */
export function mailHostsOf({ smtp, transports }: RedisQueueOptions, dns: Dns): MailHosts | undefined {
  return (smtp.host ?? smtp.path ?? transports['smtp']) ? undefined : (domain) => bestMailHosts(domain, dns)
}

/** Without the keys that have no value: the transports' own defaults count. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never // only values were taken away
}
