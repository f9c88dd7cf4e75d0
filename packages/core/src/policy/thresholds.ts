import { defer, type MessageOpinion, quarantine, reject } from '@postroad/plugin'
import type { Thresholds } from '../config.ts'

/** What the sum of points is worth: the highest threshold it meets. */
export function judge(points: number, thresholds: Thresholds): MessageOpinion | undefined {
  if (thresholds.reject !== undefined && points >= thresholds.reject) return reject('Message refused by local policy', { status: '5.7.1' })
  if (thresholds.defer !== undefined && points >= thresholds.defer) return defer('Message deferred by local policy', { status: '4.7.1' })
  if (thresholds.quarantine !== undefined && points >= thresholds.quarantine) return quarantine(`${round(points)} points`)
  return undefined
}

function round(points: number): number {
  return Math.round(points * 100) / 100
}
