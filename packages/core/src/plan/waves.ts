import type { Entry, Wave } from './handler.ts'

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
export function waves(hook: string, entries: readonly Entry[]): readonly Wave[] {
  const waiting = new Map(entries.map((entry) => [entry, predecessors(entry, entries)]))
  const result: Wave[] = []
  while (waiting.size > 0) {
    const wave = [...waiting].filter(([, before]) => !before.some((other) => waiting.has(other))).map(([entry]) => entry)
    if (wave.length === 0) throw new CycleError(`the handlers of "${hook}" wait for each other: ${cycle(waiting).join(' → ')}`)
    for (const entry of wave) waiting.delete(entry)
    result.push(Object.freeze(wave))
  }
  return Object.freeze(result)
}

function predecessors(entry: Entry, all: readonly Entry[]): Entry[] {
  return all.filter((other) => other !== entry && (waitsFor(entry, other) || other.before.includes(entry.plugin)))
}

function waitsFor(entry: Entry, other: Entry): boolean {
  return entry.after.some((dependency) =>
    typeof dependency === 'string' ? dependency === other.plugin : other.provides.has(dependency.name),
  )
}

/** Walks from any waiting handler along what it waits for until one comes up again. */
function cycle(waiting: ReadonlyMap<Entry, readonly Entry[]>): string[] {
  const path: Entry[] = []
  let [at] = waiting.keys()
  while (at !== undefined && !path.includes(at)) {
    path.push(at)
    at = waiting.get(at)?.find((other) => waiting.has(other))
  }
  const members = path.slice(at ? path.indexOf(at) : 0).map((entry) => entry.plugin)
  return [...members, members[0] ?? '']
}
