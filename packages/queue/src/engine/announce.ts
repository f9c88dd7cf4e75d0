/** Tells the world how an attempt ended, after it has been written down: hooks, and one log line for each thing that happened. */

import type { TlsOutcome } from '@postroad/mail'
import { oneLine } from '../dsn/foreign-text.ts'
import type { Lease, QueuedDelivery } from '../model.ts'
import type { Transition } from '../state.ts'
import { contextOf } from './attempt.ts'
import type { EngineOptions } from './options.ts'

/** Version, group and cipher in one word, as it is grepped for: `TLSv1.3/X25519MLKEM768/TLS_AES_256_GCM_SHA384`. */
function shortTls({ version, group, cipher }: TlsOutcome): string {
  return [version, group, cipher].filter((part) => part !== undefined).join('/')
}

/** What is told. */
export interface Announcement {
  readonly lease: Lease
  readonly delivery: QueuedDelivery
  readonly transition: Transition
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly now: number
}

/** Tells the hooks and the log of one transition. */
export function announce(
  { hooks, log }: EngineOptions,
  { lease, delivery, transition, startedAt, now }: Announcement,
): void {
  const { status } = transition.state
  const nextAttemptAt = status.kind === 'scheduled' ? status.at : undefined
  for (const { name, recipients, reply, class: kind, remote, tls, uncertain } of transition.events) {
    const some = recipients.flatMap((at) => delivery.recipients[at] ?? [])
    const isLost = name === 'bounced' && lease.message.from === undefined
    const level = !isLost ? 'info' : lease.message.reportOn === undefined ? 'warn' : 'error'
    log[level](
      {
        id: lease.message.id,
        transaction: lease.message.transaction,
        reportOn: lease.message.reportOn,
        lane: delivery.destination,
        recipients: some.length,
        to: some.length === 1 ? some[0]?.address.toString() : undefined,
        attempt: lease.state.attempts + 1,
        code: reply.code,
        status: reply.status,
        reply: oneLine(reply.text),
        class: kind,
        remote,
        tls: tls && shortTls(tls),
        policy: tls?.policy,
        verified: tls?.verified,
        uncertain: uncertain || undefined,
        ms: now - startedAt,
        next: name === 'deferred' ? nextAttemptAt : undefined,
      },
      isLost ? 'bounced, and there is nobody to tell' : name,
    )
    if (hooks.tells?.(name) === false) continue
    const context = {
      ...contextOf(lease, delivery, some),
      reply: { code: reply.code, status: reply.status, text: reply.text },
      class: kind,
      host: remote,
      tookMs: now - startedAt,
    }
    try {
      hooks.tell(name, name === 'deferred' && nextAttemptAt !== undefined ? { ...context, nextAttemptAt } : context)
    } catch (error) {
      // What was written down stays so, whoever listens.
      log.error({ error, id: lease.message.id }, 'a hook that was told could not listen')
    }
  }
}
