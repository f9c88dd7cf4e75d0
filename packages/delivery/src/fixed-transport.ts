/** Delivery to one fixed server, over LMTP (RFC 2033) or SMTP: a mailbox server, a filter, a smarthost. */

import type { Job, Outcome, TlsPolicy } from '@postroad/mail'
import { ConnectError } from './client/connect-error.ts'
import { type Credentials, required, type Target } from './client/target.ts'
import { Pool, type PooledTransport, type PoolOptions } from './pool.ts'
import { sameForAll, sendTo } from './send.ts'

declare module '@postroad/mail/settings' {
  interface TransportSettings {
    /** TLS and credentials of the one server are options. */
    lmtp: {}
  }
}

/** Where a {@link fixedTransport} delivers when the route does not say. */
export interface FixedOptions extends PoolOptions {
  readonly protocol?: 'smtp' | 'lmtp'
  readonly host?: string
  readonly port?: number
  /** UNIX socket; goes before host and port. */
  readonly path?: string
  /** Default: `opportunistic` for SMTP, `none` for LMTP. */
  readonly tls?: TlsPolicy
  readonly auth?: Credentials
}

/** Ports when none is given: RFC 5321 §4.5.4.2, RFC 2033 §5 (LMTP must not use 25). */
const PORTS = { smtp: 25, lmtp: 24 } as const

/**
 * The server of a route, with the transport's own as default.
 *
 * @throws {TypeError} when neither has a host
 */
export function fixedTarget(options: Omit<FixedOptions, keyof PoolOptions>, route: Job['route']): Target {
  const protocol = options.protocol ?? 'smtp'
  const named = route.host
  const path = named === undefined ? options.path : named.startsWith('/') ? named : undefined
  const host = path !== undefined ? 'localhost' : (named ?? options.host)
  if (host === undefined) throw new TypeError('transport: neither the route nor the options say which host')
  const port = route.port ?? (named === undefined ? options.port : undefined) ?? PORTS[protocol]
  const tls = options.tls ?? { mode: protocol === 'smtp' ? 'opportunistic' : 'none' }
  return {
    protocol,
    host,
    port,
    tls: path === undefined ? tls : { mode: 'none' },
    ...(path !== undefined && { path }),
    ...(options.auth && { auth: options.auth }),
  }
}

/** Delivers each job to one server, with pooled connections. */
export function fixedTransport(options: FixedOptions): PooledTransport {
  const pool = new Pool(options)
  return {
    deliver: (job) => deliverTo(pool, fixedTarget(options, job.route), job),
    get stats() {
      return pool.stats
    },
    close: () => pool.close(),
  }
}

/** {@link fixedTransport} over LMTP: one answer a recipient, RFC 2033 §4.2. */
export function lmtpTransport(options: Omit<FixedOptions, 'protocol'>): PooledTransport {
  return fixedTransport({ ...options, protocol: 'lmtp' })
}

async function deliverTo(pool: Pool, target: Target, job: Job): Promise<Outcome[]> {
  try {
    const wanted = required(target, job)
    return await sendTo(pool, wanted.target, wanted.job)
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error
    // RFC 5321 §3.1: a 554 greeting speaks of the host, not of these recipients; the operator may repair it.
    return sameForAll(job.recipients, 'deferred', error.reply).map((outcome) => ({ ...outcome, remote: target.host }))
  }
}
