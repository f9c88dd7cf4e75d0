/** From what the scope says to what Postfix is told. */
import { type Judgement, linesOf, type WireReply } from '@postroad/smtp'
import type { PolicyAction } from './codec/action.ts'

/** Nothing against it. */
export const DUNNO: PolicyAction = Object.freeze({ kind: 'dunno' })

/** 521 and 421 make Postfix hang up, and others do not. RFC 1846 has 521 for who takes no mail at all; as a refusal of one recipient it is 550. */
const HANG_UP = { reject: 521, defer: 421 } as const

/** A refusal; undefined for a reply that is none. A refusal for now must not hide one for good that follows: DEFER_IF_PERMIT. */
export function refusalOf(reply: WireReply): PolicyAction | undefined {
  const { code, status, disconnect } = reply
  if (code < 400) return undefined
  const words = {
    ...(status !== undefined && { status }),
    text: linesOf(reply)
      .filter((line) => line !== '')
      .join(' '),
  }
  if (disconnect) return { kind: 'refuse', code: code < 500 ? HANG_UP.defer : HANG_UP.reject, ...words }
  if (code < 500) return { kind: 'defer-if-permit', ...words }
  return { kind: 'refuse', code: code === HANG_UP.reject ? 550 : code, ...words }
}

/** What a judgement comes to where there is no message: `mark` is the one field that can be put above it. */
export function judgementOf(judgement: Judgement): { readonly action: PolicyAction; readonly mark?: string } {
  const { outcome, reply, reason = '' } = judgement
  if (outcome === 'refuse') return { action: (reply && refusalOf(reply)) ?? FAILED }
  if (outcome === 'quarantine') return { action: { kind: 'hold', text: reason } }
  if (outcome === 'discard') return { action: { kind: 'discard', text: reason } }
  const mark = judgement.edits?.headers.find((edit) => edit.kind === 'insert')
  return { action: DUNNO, ...(mark?.kind === 'insert' && { mark: Buffer.from(mark.raw).toString('latin1').trim() }) }
}

/** RFC 3463 §3.4, X.3.0: an error of ours. */
export const FAILED: PolicyAction = Object.freeze({
  kind: 'defer-if-permit',
  status: '4.3.0',
  text: 'Local error in processing, try again later',
})
