/** The transports of a queue, by the `via` of a route. */

import type { JobLog, TlsPolicy, Transport } from '@postroad/mail'
import { networks, PRIVATE_NETWORKS } from '@postroad/options'
import { isAtHome } from './client/target.ts'
import { type MemoryStore, TlsMemory } from './client/tls-memory.ts'
import { discardTransport } from './discard-transport.ts'
import { lmtpTransport } from './fixed-transport.ts'
import { maildirTransport } from './maildir.ts'
import { bestMailHosts, type MxResolver } from './mx.ts'
import { smtpTransport } from './smtp-transport.ts'
import type { TlsChooser } from './tls-choice.ts'
import type { TransportOptions } from './transport-options.ts'

/** Transports that are open. */
export interface Transports {
  /** The transport of a route; `relays` says that what it delivers is not at its end. */
  find(route: { readonly via: string }): { readonly transport: Transport; readonly relays: boolean } | undefined
  has(via: string): boolean
  /** All of them pass REQUIRETLS on, or refuse the mail. */
  readonly keepsRequireTls: boolean
  /** How `smtp` finds the hosts of a domain; nothing when another transport has its place. */
  readonly mailHosts: ((domain: string) => ReturnType<typeof bestMailHosts>) | undefined
  close(): Promise<void>
}

/** What transports need besides options. */
export interface TransportContext {
  readonly hostname: string
  readonly dns: MxResolver
  /** What is published of mail hosts. */
  readonly tlsPolicy?: TlsChooser
  /** Whether `tlsPolicy` may know anything now. Default: yes. */
  readonly hasTlsPolicy?: () => boolean
  /** Where it is remembered whose TLS does not work. Default: in this process. */
  readonly store?: MemoryStore
  readonly log?: JobLog
  /** Absolute path of a file an option names. */
  resolve(file: string): string
}

/** Opens what the options ask for. */
export function openTransports(options: TransportOptions, context: TransportContext): Transports {
  const final = new Map<string, Transport>([['discard', discardTransport()]])
  if (options.maildir)
    final.set('maildir', maildirTransport({ ...options.maildir, folder: context.resolve(options.maildir.folder) }))
  if (options.lmtp) final.set('lmtp', lmtpTransport({ hostname: context.hostname, ...defined(options.lmtp) }))
  const relays = new Map<string, Transport>([
    ['smtp', openSmtp(options.smtp, context)],
    ...Object.entries(options.transports),
  ])
  const find: Transports['find'] = ({ via }) => {
    const relay = relays.get(via)
    if (relay) return { transport: relay, relays: true }
    const transport = final.get(via)
    return transport && { transport, relays: false }
  }
  return {
    find,
    has: (via) => relays.has(via) || final.has(via),
    // A mailbox server elsewhere is spoken to without TLS.
    keepsRequireTls:
      Object.values(options.transports).every((transport) => transport.keepsRequireTls === true) &&
      (options.lmtp === undefined ||
        isAtHome({ protocol: 'lmtp', ...defined(options.lmtp), host: options.lmtp.host ?? 'localhost' })),
    mailHosts: options.transports['smtp'] ? undefined : (domain) => bestMailHosts(domain, context.dns),
    async close() {
      await Promise.all([...relays.values(), ...final.values()].map((transport) => transport.close()))
    },
  }
}

/** The folders that the transports write into: for who looks whether they can. */
export function transportFolders(
  { maildir }: Pick<TransportOptions, 'maildir'>,
  resolve: TransportContext['resolve'],
): readonly { readonly at: string; readonly path: string; readonly isMade: boolean }[] {
  return maildir ? [{ at: 'maildir.folder', path: resolve(maildir.folder), isMade: maildir.create }] : []
}

/** The operator's word on TLS with everybody. */
export function localPolicy({ tls: { ca, ...policy } }: Pick<TransportOptions['smtp'], 'tls'>): TlsPolicy {
  return { ...defined(policy), ...(ca !== undefined && { options: { ca } }) }
}

function openSmtp(
  { tls, credentials, neverTo, ...pool }: TransportOptions['smtp'],
  context: TransportContext,
): Transport {
  const { hostname, dns, tlsPolicy, hasTlsPolicy, store, log } = context
  const known = Object.fromEntries(Object.entries(credentials).map(([name, each]) => [name, defined(each)]))
  return smtpTransport({
    hostname,
    dns,
    ...defined(pool),
    ...(tlsPolicy && { tlsPolicy }),
    ...(hasTlsPolicy && { hasTlsPolicy }),
    tls: localPolicy({ tls }),
    credentials: known,
    ...(neverTo.length > 0 && {
      isForbidden: networks(neverTo.flatMap((each) => (each === 'private' ? PRIVATE_NETWORKS : [each]))),
    }),
    memory: new TlsMemory({ store }),
    onDowngrade: ({ host, address }) =>
      log?.warn({ host, address }, 'a host that had a trusted certificate offers no TLS: a downgrade is suspected'),
  })
}

/** Without the keys that have no value: the transports' own defaults count. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never // only values were taken away
}
