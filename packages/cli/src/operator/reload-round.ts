/** What a supervisor and its workers say to each other when the configuration is to be read again. */
import type { Worker } from 'node:cluster'
import type { HostOperator } from '@postroad/plugin'

/** How it went in one process. */
export type ReloadOutcome = Awaited<ReturnType<NonNullable<HostOperator['reload']>>>[number]

/** Milliseconds that a process has for it, before it is said that nobody knows. */
export const PATIENCE = 30_000

/** What workers and their supervisor say to each other about it. */
export type ReloadMessage =
  | { readonly reload: 'ask' | 'order'; readonly id: number }
  | { readonly reload: 'done'; readonly id: number; readonly mistakes: readonly string[] }
  | { readonly reload: 'told'; readonly id: number; readonly outcomes: readonly ReloadOutcome[] }

/** Whether a message between processes is one of these. */
export function isReloadMessage(message: unknown): message is ReloadMessage {
  return typeof message === 'object' && message !== null && 'reload' in message
}

/** @param mistakes undefined: nothing has been heard of it */
export function outcome(
  { id, pid }: { readonly id: number; readonly pid: number },
  mistakes: readonly string[] | undefined,
): ReloadOutcome {
  if (mistakes === undefined)
    return { worker: id, pid, state: 'silent', mistakes: ['It has not said yet how it went: the log will.'] }
  return { worker: id, pid, state: mistakes.length === 0 ? 'reloaded' : 'failed', mistakes }
}

interface Round {
  readonly asker: Worker
  /** Number that the asker knows it by. */
  readonly asked: number
  readonly waiting: Set<Worker>
  readonly outcomes: ReloadOutcome[]
  readonly timer: NodeJS.Timeout
}

/** The supervisor's part: it tells each worker, and tells who has asked what they said. */
export class Reloads {
  readonly #rounds = new Map<number, Round>()
  #last = 0

  /** @param serving those that know what they are told */
  take(worker: Worker, message: ReloadMessage, serving: ReadonlySet<Worker>): void {
    if (message.reload === 'ask') this.#begin(worker, message.id, serving)
    else if (message.reload === 'done') this.#heard(message.id, worker, message.mistakes)
  }

  /** A worker is gone: nobody waits for it. */
  gone(worker: Worker): void {
    for (const id of this.#rounds.keys()) this.#heard(id, worker, undefined)
  }

  #begin(asker: Worker, asked: number, serving: ReadonlySet<Worker>): void {
    const id = ++this.#last
    const timer = setTimeout(() => {
      for (const worker of this.#rounds.get(id)?.waiting ?? []) this.#heard(id, worker, undefined)
    }, PATIENCE)
    this.#rounds.set(id, { asker, asked, waiting: new Set(serving), outcomes: [], timer })
    for (const worker of serving) worker.send({ reload: 'order', id } satisfies ReloadMessage, lost)
  }

  #heard(id: number, worker: Worker, mistakes: readonly string[] | undefined): void {
    const round = this.#rounds.get(id)
    if (!round?.waiting.delete(worker)) return
    round.outcomes.push(outcome({ id: worker.id, pid: worker.process.pid ?? 0 }, mistakes))
    if (round.waiting.size > 0) return
    clearTimeout(round.timer)
    this.#rounds.delete(id)
    const outcomes = round.outcomes.toSorted((a, b) => a.worker - b.worker)
    if (round.asker.isConnected())
      round.asker.send({ reload: 'told', id: round.asked, outcomes } satisfies ReloadMessage, lost)
  }
}

/** Who is gone meanwhile is heard of by its exit. */
function lost(): void {}
