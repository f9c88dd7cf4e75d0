/** *Ask*: waves in order; within a wave all at the same time, and the most severe opinion wins, never the fastest. */
import type { MessageOpinion } from '@postroad/plugin'
import type { Entry, Wave } from '../plan/handler.ts'
import { type Decision, severer } from '../policy/severity.ts'
import type { Frame } from './call.ts'
import { opinions } from './check.ts'
import { Failure, invoke } from './guard.ts'

type Said = readonly MessageOpinion[] | Failure | undefined

/** The most severe opinion of the first wave that has a decisive one. Points go to the frame's owner. */
export function ask(plan: readonly Wave[], frame: Frame, from = 0): Decision | undefined | Promise<Decision | undefined> {
  for (let i = from; i < plan.length; i++) {
    const decisive = askWave(plan[i] as Wave, frame) // within bounds
    if (decisive instanceof Promise) return decisive.then((list) => (list ? strongest(list) : ask(plan, frame, i + 1)))
    if (decisive) return strongest(decisive)
  }
  return undefined
}

/** All decisive opinions of one wave; undefined when there are none. */
export function askWave(wave: Wave, frame: Frame): readonly Decision[] | undefined | Promise<readonly Decision[] | undefined> {
  let decisive: Decision[] | undefined
  let pending: Promise<void>[] | undefined
  let late: { entry: Entry; said: Said }[] | undefined
  for (const entry of wave) {
    const said = entry.awaits.length > 0 ? whenKnown(entry, frame) : invoke(entry, frame, opinions)
    if (said instanceof Promise) {
      const slot: { entry: Entry; said: Said } = { entry, said: undefined }
      late ??= []
      late.push(slot)
      pending ??= []
      pending.push(
        said.then((value) => {
          slot.said = value
        }),
      )
    } else if (said !== undefined) decisive = weigh(entry, frame, said, decisive)
  }
  if (!pending) return decisive
  return Promise.all(pending).then(() => {
    // In the order of the wave, so that the clock decides nothing.
    for (const { entry, said } of late ?? []) if (said !== undefined) decisive = weigh(entry, frame, said, decisive)
    const place = (decision: Decision): number => wave.findIndex((entry) => entry.plugin === decision.plugin)
    return decisive?.sort((a, b) => place(a) - place(b))
  })
}

/** A fact is awaited where it is read: its provider may still be running, its refusal delayed until RCPT. */
function whenKnown(entry: Entry, frame: Frame): Said | Promise<Said> {
  const pending = frame.session?.pendingAt(entry.awaits)
  return pending ? pending.then(() => invoke(entry, frame, opinions)) : invoke(entry, frame, opinions)
}

function weigh(entry: Entry, frame: Frame, said: Exclude<Said, undefined>, decisive: Decision[] | undefined): Decision[] | undefined {
  if (said instanceof Failure) return said.refusal ? [...(decisive ?? []), { opinion: said.refusal, plugin: entry.plugin }] : decisive
  let list = decisive
  for (const opinion of said) {
    frame.note(entry, opinion)
    if (entry.shadow) continue
    if (opinion.kind === 'suspect') addPoints(frame, opinion.points)
    else {
      list ??= []
      list.push({ opinion, plugin: entry.plugin })
    }
  }
  return list
}

function addPoints(frame: Frame, points: number): void {
  const { transaction, session, hook, moment } = frame
  if (frame.isStale) return
  if (hook === 'connect' || hook === 'helo') {
    if (session) session.early[hook] += points
  } else if (moment.recipient && transaction) transaction.addRecipientPoints(moment.recipient, points)
  else if (transaction) transaction.decisions.points += points
}

function strongest(list: readonly Decision[]): Decision | undefined {
  let best: Decision | undefined
  for (const decision of list) best = severer(best, decision)
  return best
}
