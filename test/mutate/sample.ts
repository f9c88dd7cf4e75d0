/** Which mutants are tried: a sample that a seed decides, drawn from the places where a fault would cost mail. */
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { applied, isProgram, type Mutant, mutantsOf } from './operators.ts'

/** The sources whose tests are judged. */
export const PLACES = [
  'packages/core/src/{run,policy,stages}/**/*.ts',
  'packages/smtp/src/verb/**/*.ts',
  'packages/queue/src/state.ts',
  'packages/queue/src/engine/recorder.ts',
]

/** A mutant and the file it is of. */
export interface Candidate {
  /** From the root of the repository. */
  readonly path: string
  readonly mutant: Mutant
  /** Stays the same as long as the line does, wherever in the file it is. */
  readonly id: string
  /** The line it is on, as it is written. */
  readonly text: string
  /** Among those of the same file whose lines read the same and are changed alike: the first, the second, … */
  readonly nth: number
}

/** Every mutant below these patterns, in the order of paths. */
export function candidates(root: string, patterns: readonly string[] = PLACES): Candidate[] {
  const paths = globSync([...patterns], { cwd: root }).filter((path) => !path.endsWith('.test.ts'))
  return paths.sort().flatMap((path) => {
    const source = readFileSync(join(root, path), 'utf8')
    const lines = source.split('\n')
    const alike = new Map<string, number>()
    return mutantsOf(source).map((mutant) => {
      const text = (lines[mutant.line - 1] ?? '').trim()
      const key = `${path}\0${text}\0${mutant.what}`
      const nth = (alike.get(key) ?? 0) + 1
      alike.set(key, nth)
      const id = createHash('sha256').update(`${key}\0${nth}`).digest('hex').slice(0, 16)
      return { path, mutant, id, text, nth }
    })
  })
}

/** `count` of them, the same ones for the same seed; those that are no program are passed over. */
export function draw(
  root: string,
  all: readonly Candidate[],
  { count, seed }: { readonly count: number; readonly seed: string },
): Candidate[] {
  const rank = (id: string) => createHash('sha256').update(`${seed}\0${id}`).digest('hex')
  const shuffled = all.map((each) => ({ each, key: rank(each.id) })).toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const sources = new Map(
    [...new Set(all.map(({ path }) => path))].map((path) => [path, readFileSync(join(root, path), 'utf8')]),
  )
  const drawn: Candidate[] = []
  for (const { each } of shuffled) {
    if (drawn.length === count) break
    if (isProgram(applied(sources.get(each.path) ?? '', each.mutant))) drawn.push(each)
  }
  return drawn
}
