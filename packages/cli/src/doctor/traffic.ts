/** What became of the mail of a domain, as the records of a server have it. */
import { stat } from 'node:fs/promises'
import type { DoctorContext } from '@postroad/doctor'
import { recordFolder } from '../services.ts'

const DAYS = 7
const DAY = 86_400_000
/** Milliseconds for reading; then it is what was found. */
const PATIENCE = 20_000

/** Undefined: there are no records. Where reading takes too long, both are of the newest days only, and `days` says how many. */
export async function trafficOf(
  domains: readonly string[],
  folder: string,
): Promise<NonNullable<DoctorContext['sender']>['traffic']> {
  const kept = recordFolder(folder)
  if (!(await stat(kept).catch(() => undefined))?.isDirectory()) return undefined
  const { RecordReader, wantedOf } = await import('@postroad/records')
  const reader = new RecordReader(kept)
  const isOurs = (from: unknown): boolean =>
    typeof from === 'string' && domains.some((domain) => from.toLowerCase().endsWith(`@${domain}`))
  const now = Date.now()
  const from = now - DAYS * DAY
  let delivered = 0
  let complaints = 0
  const { until = from } = await reader.look({
    wanted: wantedOf('delivered'),
    from,
    limit: 1, // none is kept
    patience: PATIENCE,
    accepts(record) {
      if (record.event === 'delivered' && isOurs(record.from)) delivered += record.to?.length ?? 0
      return false
    },
  })
  await reader.find({
    wanted: wantedOf('transaction'),
    from: until,
    limit: 1,
    patience: PATIENCE,
    accepts(record) {
      const { feedback = [] } = (record['facts'] ?? {}) as { readonly feedback?: readonly Heard[] } // as `bounces` has set it
      if (record.event === 'transaction' && Array.isArray(feedback))
        complaints += feedback.filter((one) => one?.kind === 'complaint' && isOurs(one.from)).length
      return false
    },
  })
  return { days: Math.ceil((now - until) / DAY), delivered, complaints }
}

interface Heard {
  readonly kind?: unknown
  readonly from?: unknown
}
