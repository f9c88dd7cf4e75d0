/** What an answer of access(5) is worth here. */

import {
  accept,
  type CommandOpinion,
  defer,
  type PermanentStatus,
  reject,
  type TransientStatus,
} from '@postroad/plugin'
import type { PolicyAnswer } from '@postroad/policy-service/codec'

/** What is to be done with the message, when it has come. */
export type Wish =
  | { readonly kind: 'field'; readonly name: string; readonly value: string }
  | { readonly kind: 'quarantine' | 'discard'; readonly reason: string }
  | { readonly kind: 'redirect' | 'add'; readonly to: string }

/** An opinion now, a wish for later, a line for the log, or nothing. */
export interface Meaning {
  readonly opinion?: CommandOpinion
  readonly wish?: Wish
  readonly log?: string
}

/** Codes after which the connection is closed. */
const HANG_UP: readonly number[] = [421, 521]
const CLASS = { reject: '5', defer: '4' } as const

/** @throws {Error} of what cannot be done here; nothing of it is */
export function meaningOf(answer: PolicyAnswer): Meaning {
  switch (answer.kind) {
    case 'dunno':
      return {}
    case 'ok':
      return { opinion: accept() }
    case 'refuse':
    case 'defer-if-permit':
      return { opinion: refusal(answer) }
    case 'prepend':
      return { wish: fieldOf(answer.field) }
    case 'hold':
      return { wish: { kind: 'quarantine', reason: answer.text || 'held by a policy service' } }
    case 'discard':
      return { wish: { kind: 'discard', reason: answer.text || 'discarded by a policy service' } }
    case 'redirect':
      return { wish: { kind: 'redirect', to: answer.to } }
    case 'bcc':
      return { wish: { kind: 'add', to: answer.to } }
    case 'warn':
    case 'info':
      return { log: answer.text }
    case 'unknown':
      throw refusedAloud(answer.word === '' ? 'an empty answer' : answer.word)
    default:
      throw refusedAloud(answer.kind === 'filter' ? 'FILTER' : 'DEFER_IF_REJECT')
  }
}

function refusal(
  answer: Extract<PolicyAnswer, { kind: 'refuse' | 'defer-if-permit' | 'defer-if-reject' }>,
): CommandOpinion {
  const code = answer.kind === 'refuse' ? answer.code : 450
  const kind = code < 500 ? 'defer' : 'reject'
  const { status = `${CLASS[kind]}.7.1`, text } = answer
  const said = text || 'Access denied'
  const right = CLASS[kind] + status.slice(1)
  const disconnect = HANG_UP.includes(code)
  return kind === 'reject'
    ? reject(said, { code, status: right as PermanentStatus, disconnect }) // of its class
    : defer(said, { code, status: right as TransientStatus, disconnect }) // of its class
}

function fieldOf(field: string): Wish {
  const [, name, value] = /^([!-9;-~]+):[ \t]*(.*)$/s.exec(field) ?? []
  if (name === undefined || value === undefined) throw refusedAloud('PREPEND')
  return { kind: 'field', name, value }
}

function refusedAloud(what: string): Error {
  return new Error(`the policy service answered what cannot be done here: ${what}`)
}
