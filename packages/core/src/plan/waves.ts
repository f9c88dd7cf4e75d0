import { type Handler, titleOf } from './handler.ts'
import type { Wave } from './hook-table.ts'

/** Handlers that wait for each other in a circle. */
export class CycleError extends Error {
  override readonly name = 'CycleError'
}

/**
 * Sorts the handlers of one hook into waves: those of a wave depend on none of each other and run at the same time.
 * Kahn's algorithm by levels; registration order inside a wave.
 *
 * @throws {CycleError} naming the members of the cycle in order
 */
export function waves(hook: string, handlers: readonly Handler[]): readonly Wave[] {
  const waiting = new Map(handlers.map((handler) => [handler, predecessors(handler, handlers)]))
  const result: Wave[] = []
  while (waiting.size > 0) {
    const wave = [...waiting]
      .filter(([, before]) => !before.some((other) => waiting.has(other)))
      .map(([handler]) => handler)
    if (wave.length === 0) throw new CycleError(circle(hook, cycle(waiting)))
    for (const handler of wave) waiting.delete(handler)
    result.push(Object.freeze(wave))
  }
  return Object.freeze(result)
}

function predecessors(handler: Handler, all: readonly Handler[]): Handler[] {
  return all.filter(
    (other) =>
      other !== handler && (other.phase < handler.phase || isOrdered(other, handler) || takesTurnAfter(handler, other)),
  )
}

/** Somebody has said that the one comes before the other. */
function isOrdered(one: Handler, other: Handler): boolean {
  return waitsFor(other, one) || one.before.includes(other.plugin)
}

/** Uses of one plugin go in the order of `use`; what the operator says of the two goes before. */
function takesTurnAfter(handler: Handler, other: Handler): boolean {
  return (
    handler.inTurn &&
    other.inTurn &&
    handler.ownName === other.ownName &&
    other.index < handler.index &&
    !isOrdered(handler, other)
  )
}

function waitsFor(handler: Handler, other: Handler): boolean {
  return handler.after.some((dependency) =>
    typeof dependency === 'string' ? dependency === other.plugin : other.provides.has(dependency.name),
  )
}

function circle(hook: string, members: readonly Handler[]): string {
  const text = `the handlers of "${hook}" wait for each other: ${[...members, ...members.slice(0, 1)].map(titleOf).join(' → ')}`
  if (members.every(({ phase }) => phase === members[0]?.phase)) return text
  return `${text}; by what they say they change, bodies come first, then envelopes, headers, and seals`
}

/** Walks from any waiting handler along what it waits for until one comes up again. */
function cycle(waiting: ReadonlyMap<Handler, readonly Handler[]>): Handler[] {
  const path: Handler[] = []
  let [at] = waiting.keys()
  while (at !== undefined && !path.includes(at)) {
    path.push(at)
    at = waiting.get(at)?.find((other) => waiting.has(other))
  }
  return path.slice(at ? path.indexOf(at) : 0)
}
