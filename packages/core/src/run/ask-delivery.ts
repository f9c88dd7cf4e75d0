/** The hook `delivery`: a refusal may be for some of the recipients, and then stands beside what is said of all. */
import type { DeliveryOpinion } from '@postroad/plugin'
import type { Wave } from '../plan/hook-table.ts'
import { type Decision, severer } from '../policy/severity.ts'
import { askWave } from './ask.ts'
import type { HookCall } from './call.ts'
import { deliveryOpinions } from './check.ts'

/** Opinions on some recipients, and last the most severe one on all of the first wave that has one. */
export async function askDelivery(
  waves: readonly Wave<'delivery'>[],
  call: HookCall<'delivery'>,
): Promise<readonly DeliveryOpinion[]> {
  const some: DeliveryOpinion[] = []
  for (const wave of waves) {
    let best: Decision<DeliveryOpinion> | undefined
    for (const decision of (await askWave(wave, call, deliveryOpinions)) ?? []) {
      const { opinion } = decision
      if (opinion.kind !== 'reroute' && opinion.for !== undefined) some.push(opinion)
      else best = severer(best, decision)
    }
    if (best) return [...some, best.opinion]
  }
  return some
}
