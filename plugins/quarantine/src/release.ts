/** Sends a quarantined message on, to a listener behind the plugins that quarantined it. */
import { ConnectError, fixedTarget, Pool, required, sendTo, type Target } from '@postroad/delivery'
import { type Outcome, parseAddress } from '@postroad/mail'
import type { Message } from '@postroad/plugin'
import type { EntryRecipient, VaultEntry } from './entry.ts'
import type { QuarantineOptions } from './options.ts'

/** One message to be released. */
export interface Release {
  readonly entry: VaultEntry
  readonly message: Message
  /** Of the entry's; the others stay. */
  readonly recipients: readonly EntryRecipient[]
  readonly target: NonNullable<QuarantineOptions['release']>
  readonly hostname: string
  readonly signal: AbortSignal
}

/** What became of it for one recipient. */
export interface Released {
  readonly recipient: EntryRecipient
  readonly isTaken: boolean
  /** The listener's own words. */
  readonly reply: string
}

/** Offers the message to the listener; one outcome a recipient, and no connection is an outcome, too. */
export async function release({
  entry,
  message,
  recipients,
  target,
  hostname,
  signal,
}: Release): Promise<readonly Released[]> {
  const pool = new Pool({ hostname, maxConnections: 1 })
  const { path, ...where } = target
  const to = fixedTarget(
    { ...defined(where), ...(path !== undefined && { path }), tls: { mode: 'none' } },
    { via: target.protocol },
  )
  const jobs = recipients.map((recipient) => ({
    recipient,
    address: parseAddress(recipient.address, { smtputf8: true }),
  }))
  const able = jobs.flatMap(({ recipient, address }) =>
    address ? [{ address, parameters: recipient.parameters }] : [],
  )
  try {
    const from = entry.from === '' ? undefined : parseAddress(entry.from, { smtputf8: true })
    const job = {
      route: { via: target.protocol },
      from,
      parameters: entry.parameters,
      recipients: able,
      message,
      signal,
    }
    const wanted = to.protocol === 'lmtp' ? required(to, job) : { target: secured(to, entry), job }
    const outcomes = await sendTo(pool, wanted.target, wanted.job)
    return recipients.map((recipient) => outcomeOf(recipient, outcomes))
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error
    return recipients.map((recipient) => ({
      recipient,
      isTaken: false,
      reply: `${error.reply.code} ${error.reply.text}`,
    }))
  } finally {
    await pool.close()
  }
}

/**
 * RFC 8689 §4.2.1: what came with REQUIRETLS goes on with it, and under TLS. A listener of this machine need not prove who it is; one that
 * offers no TLS says so to the operator, and the message stays.
 */
function secured(target: Target, { parameters, from }: VaultEntry): Target {
  if (!parameters.requireTls) return target
  const isHere = target.path !== undefined || target.host === 'localhost' || /^(?:127\.[\d.]+|::1)$/.test(target.host)
  return { ...target, tls: from === '' ? { mode: 'opportunistic' } : { mode: 'required', verify: !isHere } }
}

function outcomeOf(recipient: EntryRecipient, outcomes: readonly Outcome[]): Released {
  const outcome = outcomes.find((each) => each.recipient.address.toString() === recipient.address)
  if (!outcome) return { recipient, isTaken: false, reply: 'not an address' }
  return { recipient, isTaken: outcome.kind === 'delivered', reply: `${outcome.reply.code} ${outcome.reply.text}` }
}

/** Without the keys whose value is undefined. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  } // just filtered
}
