/** *Ask*: waves in order; within a wave all at the same time, and the most severe opinion wins, never the fastest. */
import type { MessageOpinion } from '@postroad/plugin'
import type { Handler } from '../plan/handler.ts'
import type { Wave } from '../plan/hook-table.ts'
import { type Decision, severer } from '../policy/severity.ts'
import type { AnyArguments, HookCall } from './call.ts'
import { opinions } from './check.ts'
import { Failure, invoke } from './guard.ts'

type Said = readonly MessageOpinion[] | Failure | undefined

/** The most severe opinion of the first wave that has a decisive one. Points go to the call's owner. */
export function ask(waves: readonly Wave[], call: HookCall, from = 0): Decision | undefined | Promise<Decision | undefined> {
  for (let i = from; i < waves.length; i++) {
    const decisive = askWave(waves[i] as Wave, call) // within bounds
    if (decisive instanceof Promise) return decisive.then((list) => (list ? strongest(list) : ask(waves, call, i + 1)))
    if (decisive) return strongest(decisive)
  }
  return undefined
}

/** All decisive opinions of one wave; undefined when there are none. */
export function askWave(wave: Wave, call: HookCall): readonly Decision[] | undefined | Promise<readonly Decision[] | undefined> {
  let decisive: Decision[] | undefined
  let pending: Promise<void>[] | undefined
  let late: { handler: Handler; said: Said }[] | undefined
  for (const handler of wave) {
    const said = handler.awaits.length > 0 ? whenKnown(handler, call) : invoke(handler, call, opinions)
    if (said instanceof Promise) {
      const slot: { handler: Handler; said: Said } = { handler, said: undefined }
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
    const place = (decision: Decision): number => wave.findIndex((handler) => handler.plugin === decision.plugin)
    return decisive?.sort((a, b) => place(a) - place(b))
  })
}

/** A fact is awaited where it is read: its provider may still be running, its refusal delayed until RCPT. */
function whenKnown(handler: Handler, call: HookCall): Said | Promise<Said> {
  const pending = call.session?.pendingAt(handler.awaits)
  return pending ? pending.then(() => invoke(handler, call, opinions)) : invoke(handler, call, opinions)
}

function weigh(handler: Handler, call: HookCall, said: Exclude<Said, undefined>, decisive: Decision[] | undefined): Decision[] | undefined {
  if (said instanceof Failure) return said.refusal ? [...(decisive ?? []), { opinion: said.refusal, plugin: handler.plugin }] : decisive
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
  const { transaction, session, hook } = call
  const { recipient }: AnyArguments = call.args
  if (call.isStale) return
  if (hook === 'connect' || hook === 'helo') {
    if (session) session.early[hook] += points
  } else if (recipient && transaction) transaction.addRecipientPoints(points)
  else if (transaction) transaction.decisions.points += points
}

function strongest(list: readonly Decision[]): Decision | undefined {
  let best: Decision | undefined
  for (const decision of list) best = severer(best, decision)
  return best
}
