/** What a world found, and the sum of many. */
import type { Account } from './book.ts'

/** Things done to a world, counted. */
export interface Deeds {
  supervisor: number
  worker: number
  command: number
  freezes: number
  /** Calls to the system that failed. */
  faults: number
  reloads: number
  lives: number
  commands: number
}

/** What one world found. The lists are sentences for people, each about one message. */
export interface WorldResult extends Omit<Account, 'lost' | 'damaged' | 'unexplained' | 'refusedAndArrived'> {
  readonly world: number
  readonly seed: number
  readonly workers: number
  readonly scenarios: readonly string[]
  readonly deeds: Deeds
  readonly kills: number
  readonly lost: readonly string[]
  readonly damaged: readonly string[]
  readonly unexplained: readonly string[]
  readonly refusedAndArrived: readonly string[]
  /** Messages in the queue at the end. */
  readonly left: number
  /** Whatever else is not as it should be, a sentence each. */
  readonly problems: readonly string[]
  readonly ms: number
  /** Kept because something was found. */
  readonly folder?: string
}

export function noDeeds(): Deeds {
  return { supervisor: 0, worker: 0, command: 0, freezes: 0, faults: 0, reloads: 0, lives: 0, commands: 0 }
}

export function killsOf({ supervisor, worker, command }: Deeds): number {
  return supervisor + worker + command
}

/** Everything that must not be, a line each. */
export function faultsOf(result: WorldResult): string[] {
  const { lost, damaged, unexplained, problems, left } = result
  return [
    ...lost.map((each) => `LOST ${each}`),
    ...damaged.map((each) => `DAMAGED ${each}`),
    ...unexplained.map((each) => `TWICE ${each}`),
    ...(left === 0 ? [] : [`LEFT ${left} messages in the queue`]),
    ...problems,
  ]
}

/** The sum of worlds. */
export function sumOf(results: readonly WorldResult[]) {
  const deeds = noDeeds()
  const sum = {
    worlds: results.length,
    kills: 0,
    sent: 0,
    acknowledged: 0,
    refused: 0,
    arrivals: 0,
    refusedAndArrived: 0,
  }
  const found = { lost: 0, damaged: 0, unexplained: 0, left: 0, problems: 0 }
  const again = { killed: 0, unwritten: 0 }
  let longestGap = 0
  for (const each of results) {
    for (const name of Object.keys(deeds) as (keyof Deeds)[]) deeds[name] += each.deeds[name] // its own keys
    sum.kills += each.kills
    for (const name of ['sent', 'acknowledged', 'refused', 'arrivals'] as const) sum[name] += each[name]
    sum.refusedAndArrived += each.refusedAndArrived.length
    for (const name of ['lost', 'damaged', 'unexplained', 'problems'] as const) found[name] += each[name].length
    found.left += each.left
    again.killed += each.again.killed
    again.unwritten += each.again.unwritten
    longestGap = Math.max(longestGap, each.longestGap)
  }
  return { ...sum, deeds, again, longestGap, ...found }
}

/** A table for people. */
export function tableOf(results: readonly WorldResult[]): string {
  const { deeds, again, ...sum } = sumOf(results)
  const rows: [string, string | number][] = [
    ['worlds, lives of servers', `${sum.worlds}, ${deeds.lives}`],
    [
      'kills',
      `${sum.kills} (${deeds.supervisor} of servers, ${deeds.worker} of workers, ${deeds.command} of commands)`,
    ],
    [
      'freezes, failed calls, reloads, commands',
      `${deeds.freezes}, ${deeds.faults}, ${deeds.reloads}, ${deeds.commands}`,
    ],
    ['sent, acknowledged, refused', `${sum.sent}, ${sum.acknowledged}, ${sum.refused}`],
    ['lost', sum.lost],
    ['damaged', sum.damaged],
    ['left in a queue', sum.left],
    [
      'arrived again: killed before it was written down',
      `${again.killed} (at most ${sum.longestGap} ms before the kill)`,
    ],
    ['arrived again: the disk refused to have it written down', again.unwritten],
    ['arrived again: no reason', sum.unexplained],
    ['refused, and arrived nevertheless', sum.refusedAndArrived],
    ['hangs and other problems', sum.problems],
  ]
  return rows.map(([name, value]) => `  ${name.padEnd(58)} ${value}`).join('\n')
}
