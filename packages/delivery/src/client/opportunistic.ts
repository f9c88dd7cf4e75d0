/** TLS where it is only an opportunity: as it is today, then as old servers still have it, then none; and what worked is remembered. */
import type { TlsPolicy } from '@postroad/mail'
import { ConnectError } from './connect-error.ts'
import type { ClientConnection } from './connection.ts'
import type { Target } from './target.ts'
import { type HostMemory, TLS_STEPS, type TlsMemory, type TlsStep } from './tls-memory.ts'

/** What trying needs. */
export interface Attempts {
  readonly memory: TlsMemory | undefined
  readonly signal: AbortSignal
  open(target: Target): Promise<ClientConnection>
  /** The host had a trusted certificate for its name, and now offers no TLS. */
  onDowngrade?: ((target: Target) => void) | undefined
}

/**
 * Opens a connection that may do without TLS.
 *
 * @throws {ConnectError} when it cannot be had without TLS either
 */
export async function openOpportunistic(target: Target, attempts: Attempts): Promise<ClientConnection> {
  const { memory, signal } = attempts
  const host = target.path ?? `${target.address ?? target.host}:${target.port}`
  const found = memory?.recall(host)
  const known = found instanceof Promise ? await found : found
  const steps = stepsFrom(memory?.firstStep(known) ?? 'modern', target.tls)
  let reason = ''
  for (const [at, step] of steps.entries()) {
    try {
      const connection = await attempts.open(
        at === 0 && step === 'modern' ? target : { ...target, tls: POLICIES[step](target.tls) },
      )
      tell(attempts, { target, host, known, step, reason, connection })
      return connection
    } catch (error) {
      const isLast = at === steps.length - 1
      // RFC 7435 §3, RFC 3207 §4.1: where TLS is only an opportunity, a handshake that fails must not stop the mail.
      if (!(error instanceof ConnectError) || error.stage !== 'tls' || isLast || signal.aborted) throw error
      reason = error.reply.text.slice(0, 200)
      // Who does not answer, or does not begin, will not do so in another version of TLS.
      const isHandshake = error.code !== 'ETIMEDOUT' && error.failure !== 'starttls-not-supported'
      if (!isHandshake && step === 'modern') steps.splice(at + 1, steps.length, 'clear')
    }
  }
  throw new TypeError('openOpportunistic: no step was tried')
}

/** Old servers: TLS 1.2, with the short keys and hashes that today's defaults refuse. Better than none, RFC 7435 §3. */
const LEGACY = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
/** Where an operator has said one of these, nothing is tried that is not said. */
const CHOSEN = [
  'minVersion',
  'maxVersion',
  'ciphers',
  'sigalgs',
  'ecdhCurve',
  'secureContext',
  'secureProtocol',
] as const

const POLICIES: Readonly<Record<TlsStep, (tls: TlsPolicy) => TlsPolicy>> = {
  modern: (tls) => tls,
  legacy: (tls) => ({ ...tls, options: { ...tls.options, ...LEGACY } }),
  clear: () => ({ mode: 'none' }),
}

function stepsFrom(first: TlsStep, { options }: TlsPolicy): TlsStep[] {
  const steps = TLS_STEPS.slice(TLS_STEPS.indexOf(first))
  return CHOSEN.some((name) => options?.[name] !== undefined) ? steps.filter((step) => step !== 'legacy') : steps
}

interface Came {
  readonly target: Target
  readonly host: string
  readonly known: HostMemory | undefined
  readonly step: TlsStep
  readonly reason: string
  readonly connection: ClientConnection
}

function tell({ memory, onDowngrade }: Attempts, { target, host, known, step, reason, connection }: Came): void {
  const { tls } = connection
  memory?.note(host, known, { step, reason, isProven: tls?.verified !== undefined })
  if (known?.isProven === true && tls === undefined && step === 'modern') onDowngrade?.(target)
}
