/** *Ask*: waves in order; within a wave all at the same time, and the most severe opinion wins, never the fastest. */
import type { HookName } from '@postroad/plugin'
import type { Maybe } from '@postroad/smtp'
import type { AnyHandler, Handler } from '../plan/handler.ts'
import type { Wave } from '../plan/hook-table.ts'
import { type AnyOpinion, type Decision, severer } from '../policy/severity.ts'
import type { HookCall } from './call.ts'
import { type AnswerCheck, Failure, invoke } from './guard.ts'

type Answers<O> = readonly O[] | Failure | undefined
type Decisions<O extends AnyOpinion> = readonly Decision<O>[] | undefined

/** The most severe opinion of the first wave that has a decisive one. Points go to the call's owner. */
export function ask<K extends HookName, O extends AnyOpinion>(
  waves: readonly Wave<K>[],
  call: HookCall<K>,
  check: AnswerCheck<readonly O[]>,
): Maybe<Decision<O> | undefined> {
  return from(waves, 0, { call, check })
}

type Question<K extends HookName, O> = { readonly call: HookCall<K>; readonly check: AnswerCheck<readonly O[]> }

function from<K extends HookName, O extends AnyOpinion>(
  waves: readonly Wave<K>[],
  start: number,
  question: Question<K, O>,
): Maybe<Decision<O> | undefined> {
  for (let i = start; i < waves.length; i++) {
    const decisive = askWave(waves[i] as Wave<K>, question.call, question.check) // within bounds
    if (decisive instanceof Promise)
      return decisive.then((list) => (list ? strongest(list) : from(waves, i + 1, question)))
    if (decisive) return strongest(decisive)
  }
  return undefined
}

/** All decisive opinions of one wave; undefined when there are none. */
export function askWave<K extends HookName, O extends AnyOpinion>(
  wave: Wave<K>,
  call: HookCall<K>,
  check: AnswerCheck<readonly O[]>,
): Maybe<Decisions<O>> {
  let decisive: Decision<O>[] | undefined
  let pending: Promise<void>[] | undefined
  let late: { handler: AnyHandler; said: Answers<O> }[] | undefined
  for (const handler of wave) {
    const said = handler.awaits.length > 0 ? whenKnown(handler, call, check) : invoke(handler, call, check)
    if (said instanceof Promise) {
      const slot: { handler: AnyHandler; said: Answers<O> } = { handler, said: undefined }
      late ??= []
      late.push(slot)
      pending ??= []
      pending.push(
        said.then((value) => {
          slot.said = value
        }),
      )
    } else if (said !== undefined) decisive = weigh(handler, call, said, decisive)
  }
  if (!pending) return decisive
  return Promise.all(pending).then(() => {
    // In the order of the wave, so that the clock decides nothing.
    for (const { handler, said } of late ?? []) if (said !== undefined) decisive = weigh(handler, call, said, decisive)
    const place = (decision: Decision<O>): number => wave.findIndex((handler) => handler.plugin === decision.plugin)
    return decisive?.sort((a, b) => place(a) - place(b))
  })
}

/** A fact is awaited where it is read: its provider may still be running, its refusal delayed until RCPT. */
function whenKnown<K extends HookName, O>(
  handler: Handler<K>,
  call: HookCall<K>,
  check: AnswerCheck<readonly O[]>,
): Maybe<Answers<O>> {
  const pending = call.pendingAt(handler.awaits)
  return pending ? pending.then(() => invoke(handler, call, check)) : invoke(handler, call, check)
}

function weigh<O extends AnyOpinion>(
  handler: AnyHandler,
  call: HookCall,
  said: readonly O[] | Failure,
  decisive: Decision<O>[] | undefined,
): Decision<O>[] | undefined {
  // `as`: every hook that asks knows refusals.
  if (said instanceof Failure)
    return said.refusal
      ? [...(decisive ?? []), { opinion: said.refusal as AnyOpinion as O, plugin: handler.plugin }]
      : decisive
  let list = decisive
  for (const opinion of said) {
    call.note(handler, opinion)
    if (handler.shadow) continue
    if (opinion.kind === 'suspect') addPoints(call, opinion.points)
    else {
      list ??= []
      list.push({ opinion, plugin: handler.plugin })
    }
  }
  return list
}

function addPoints(call: HookCall, points: number): void {
  const { transaction, session, hook, recipient } = call
  if (call.isStale) return
  if (hook === 'connect' || hook === 'helo') {
    session?.addPoints(hook, points)
  } else if (recipient && transaction) transaction.addRecipientPoints(points)
  else if (transaction) transaction.decisions.addPoints(points)
}

function strongest<O extends AnyOpinion>(list: readonly Decision<O>[]): Decision<O> | undefined {
  let best: Decision<O> | undefined
  for (const decision of list) best = severer(best, decision)
  return best
}
