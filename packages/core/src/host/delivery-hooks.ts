/** The hooks of a queue's deliveries, as a service: the queue is a plugin, and plugins do not know the core. */
import {
  type Address,
  type DeliveryContext,
  type DeliveryOpinion,
  type DeliveryResultContext,
  defineService,
  type Route,
} from '@postroad/plugin'
import { route as asRoute, deliveryOpinions } from '../run/check.ts'
import { first } from '../run/first.ts'
import { Failure, invoke } from '../run/guard.ts'
import { tell } from '../run/tell.ts'
import { FactStore } from '../session/fact-store.ts'
import { Frame } from '../session/frame.ts'
import { SessionState } from '../session/session-state.ts'
import { Transaction } from '../session/transaction.ts'
import type { Runtime } from './runtime.ts'

/** What a queue asks and tells. */
export interface DeliveryHooks {
  /** Somebody answers `delivery`: without it, asking is not needed. */
  readonly asks: boolean
  /** The most severe opinion: reject, defer, reroute. */
  ask(context: DeliveryFacts<DeliveryContext>): Promise<DeliveryOpinion | undefined>
  tell(name: 'delivered' | 'deferred' | 'bounced', context: DeliveryFacts<DeliveryResultContext>): void
  /** Where mail of our own to this address goes, a notification for one, as `route` says; nothing when nobody says. */
  route(recipient: Address): Promise<Route | undefined>
}

/** The host adds signal, log and clock. */
export type DeliveryFacts<C> = Omit<C, 'signal' | 'log' | 'now'>

export const DeliveryHooks = defineService<DeliveryHooks>('delivery-hooks')

const SEVERITY: Readonly<Record<DeliveryOpinion['kind'], number>> = { reject: 3, defer: 2, reroute: 1 }

/** `current` is undefined until the scope is compiled. */
export function createDeliveryHooks(current: () => Runtime | undefined): DeliveryHooks {
  return {
    get asks() {
      return current()?.plan.delivery !== undefined
    },
    async ask(context) {
      const runtime = current()
      if (!runtime?.plan.delivery) return undefined
      // `as`: the host's part of the context is given by the run itself.
      const frame = new Frame('delivery', { runtime, lifetime: runtime.lifetime }, { delivery: context as DeliveryContext })
      for (const wave of runtime.plan.delivery) {
        const said = await Promise.all(wave.map((entry) => invoke(entry, frame, deliveryOpinions)))
        let best: DeliveryOpinion | undefined
        for (const [index, answer] of said.entries()) {
          if (wave[index]?.shadow) continue
          const opinions = answer instanceof Failure ? (answer.refusal ? [answer.refusal] : []) : (answer ?? [])
          for (const opinion of opinions) if (!best || SEVERITY[opinion.kind] > SEVERITY[best.kind]) best = opinion
        }
        if (best) return best
      }
      return undefined
    },
    tell(name, context) {
      const runtime = current()
      const plan = runtime?.plan[name]
      // `as`: as above.
      if (runtime && plan)
        tell(plan, new Frame(name, { runtime, lifetime: runtime.lifetime }, { delivery: context as DeliveryResultContext }))
    },
    async route(recipient) {
      const runtime = current()
      const plan = runtime?.plan.route
      if (!runtime || !plan) return undefined
      const session = ownSession(runtime)
      const answer = await first(plan, new Frame('route', session, { recipient, parameters: {}, recipientFacts: new FactStore() }), asRoute)
      session.lifetime.end(new Error('the answer is known'))
      return !answer || answer.value instanceof Failure || 'kind' in answer.value ? undefined : answer.value
    },
  }
}

/** The session in which we are our own client: on this machine, known by name, so that rules for strangers do not apply. */
function ownSession(runtime: Runtime): SessionState {
  const here = { address: '127.0.0.1', port: 0 }
  const wire = {
    listener: 'internal',
    protocol: 'smtp',
    remote: here,
    local: here,
    tls: undefined,
    stress: false,
    disconnect: () => undefined,
  } as const
  const session = new SessionState(runtime, wire)
  session.helo = { name: runtime.hostname, extended: true }
  session.identity = { name: 'postroad' }
  session.transaction = new Transaction(`${session.id}.1`, undefined, {}, { plugins: runtime.plan.plugins, now: runtime.now() })
  return session
}
