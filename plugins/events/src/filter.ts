/** Which events an endpoint hears of. */
import { glob } from '@postroad/options'
import type { EndpointOptions, ToldEvent } from './options.ts'
import type { PendingEvent } from './window.ts'

/** Whether an event is for an endpoint. */
export function wantedBy({
  kinds,
  tenants,
  tags,
}: EndpointOptions): (event: Pick<PendingEvent, 'kind' | 'payload'>) => boolean {
  const known = new Set<string>(kinds)
  const ofTenant = tenants?.map(glob)
  const ofTag = tags?.map(glob)
  if (!ofTenant && !ofTag) return ({ kind }) => known.has(kind)
  return ({ kind, payload }) => {
    if (!known.has(kind)) return false
    const { data }: ToldEvent = JSON.parse(payload) // the queue wrote it
    const { tenant, tags: own } = data
    const isOurs = !ofTenant || (typeof tenant === 'string' && ofTenant.some((fits) => fits(tenant)))
    const texts = Array.isArray(own) ? own.filter((one) => typeof one === 'string') : []
    return isOurs && (!ofTag || texts.some((text) => ofTag.some((fits) => fits(text))))
  }
}
