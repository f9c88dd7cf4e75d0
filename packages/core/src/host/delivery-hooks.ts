/** Runs the hooks of a queue's deliveries: what is behind the service `DeliveryHooks`. */
import type { TlsAnswer, TlsQuestion } from '@postroad/mail'
import type { DeliveryContext, DeliveryHooks, DeliveryResultContext } from '@postroad/plugin'
import type { AnyHandler } from '../plan/handler.ts'
import type { Waves } from '../plan/hook-table.ts'
import { askDelivery } from '../run/ask-delivery.ts'
import { HookCall } from '../run/call.ts'
import { tlsAnswer } from '../run/check.ts'
import { type FirstAnswer, first } from '../run/first.ts'
import { Failure } from '../run/guard.ts'
import { tell } from '../run/tell.ts'
import { deliveryRecord } from '../session/record.ts'
import type { Scope } from '../session/scope.ts'
import { ownRoute } from './own-route.ts'

/** `current` is undefined until the scope is compiled; `within` are the scopes in it, outer first. */
export function createDeliveryHooks(
  current: () => Scope | undefined,
  within: () => readonly Scope[] = () => [],
): DeliveryHooks {
  return {
    get asks() {
      return current()?.table.delivery !== undefined
    },
    get asksTls() {
      return current()?.table.tls !== undefined
    },
    async ask(context) {
      const scope = current()
      if (!scope?.table.delivery) return []
      // `as`: the host's part of the context is given by the run itself.
      const call = new HookCall(
        'delivery',
        { scope, lifetime: scope.lifetime },
        { delivery: context as DeliveryContext },
      )
      return askDelivery(scope.table.delivery, call)
    },
    tls(question) {
      const scope = current()
      const handlers = scope?.table.tls
      if (!scope || !handlers) return undefined
      const answer = first(
        handlers,
        new HookCall('tls', { scope, lifetime: scope.lifetime }, { host: question }),
        (said, handler) => obeyed(tlsAnswer(said), { handler, scope, question }),
      )
      return answer instanceof Promise ? answer.then(asAnswer) : asAnswer(answer)
    },
    tells(name) {
      const scope = current()
      return scope !== undefined && (scope.feed.tellsRecords || scope.table[name] !== undefined)
    },
    tell(name, context) {
      const scope = current()
      // `as`: signal, log and clock are given by the run, as at `delivery`.
      if (!scope) return
      if (scope.feed.tellsRecords) scope.feed.record(deliveryRecord(name, context as DeliveryResultContext))
      tellResult(scope, name, context as DeliveryResultContext)
    },
    async route(recipient, carries = () => true) {
      const scope = current()
      return scope && ownRoute([scope, ...within()], recipient, carries)
    },
  }
}

interface Said {
  readonly handler: AnyHandler
  readonly scope: Scope
  readonly question: TlsQuestion
}

/** What a shadowed policy would have done has no other place to be seen: a delivery has no record of decisions. */
function obeyed(answer: TlsAnswer, { handler, scope, question: { domain, host } }: Said): TlsAnswer {
  if (handler.shadow)
    scope.logFor(handler.plugin).info(
      {
        domain,
        host: host.name,
        ...('refusal' in answer ? { refusal: answer.refusal } : { mode: answer.mode, id: answer.id }),
      },
      'a TLS policy is not obeyed',
    )
  return answer
}

/** A failure that is worth something rules the host out: whether its policy would have let mail pass is not known. */
function asAnswer(answer: FirstAnswer<TlsAnswer> | undefined): TlsAnswer | undefined {
  if (!(answer?.value instanceof Failure)) return answer?.value
  const { refusal } = answer.value
  return refusal && { refusal, failure: 'validation-failure', source: answer.plugin }
}

function tellResult<K extends 'delivered' | 'deferred' | 'bounced'>(
  scope: Scope,
  hook: K,
  delivery: DeliveryResultContext,
): void {
  const { table }: { readonly table: Waves } = scope
  const waves = table[hook]
  if (waves) tell(waves, new HookCall(hook, { scope, lifetime: scope.lifetime }, { delivery }))
}
