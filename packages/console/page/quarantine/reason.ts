/** Why a message was set aside, beside its points: where that is only that it had as many, nothing is said twice. */
import type { ApiAnswer } from '@postroad/admin-api'

type Kept = ApiAnswer<'quarantine'>['items'][number]

/** Words of the server, or none. */
export function reasonOf({ reason, points }: Pick<Kept, 'reason' | 'points'>): string {
  return reason === `${Math.round(points * 10) / 10} points` ? '' : reason
}
