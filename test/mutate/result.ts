/** What came of the mutants, as numbers and as text. */

/** A mutant that was tried. */
export interface Judged {
  readonly id: string
  /** From the root of the repository. */
  readonly path: string
  readonly line: number
  readonly what: string
  /** The line as it is written. */
  readonly text: string
  /** Among those of the same file whose lines read the same and are changed alike: the first, the second, … */
  readonly nth: number
  /** Which tests gave the verdict. */
  readonly stage: 'unit' | 'wider'
  readonly verdict: 'passes' | 'fails' | 'hangs'
  /** The test that failed first, or the last words. */
  readonly said: string
  readonly ms: number
}

/** A mutant that does what the original does, and why. */
export interface Equivalent {
  readonly path: string
  /** The line as it is written. */
  readonly text: string
  readonly what: string
  /** Which of those that read alike; without it the first. */
  readonly nth?: number
  readonly reason: string
}

/** How many were noticed of those that can be. */
export interface Score {
  readonly noticed: number
  /** By the unit tests of their own package already. */
  readonly byUnitTests: number
  readonly unnoticed: readonly Judged[]
  readonly equivalent: number
  /** 0 to 100. */
  readonly percent: number
  readonly folders: readonly { readonly folder: string; readonly noticed: number; readonly counted: number }[]
}

/** A run that hangs is not noticed: whoever runs the tests would not know what to look for. */
export function score(judged: readonly Judged[], equivalents: readonly Equivalent[]): Score {
  const isEquivalent = (one: Judged) =>
    equivalents.some(
      ({ path, text, what, nth = 1 }) => path === one.path && text === one.text && what === one.what && nth === one.nth,
    )
  const counted = judged.filter((one) => one.verdict === 'fails' || !isEquivalent(one))
  const noticed = counted.filter(({ verdict }) => verdict === 'fails').length
  const folderOf = ({ path }: Judged) => path.split('/').slice(0, -1).join('/')
  const folders = [...new Set(counted.map(folderOf))].sort()
  return {
    noticed,
    byUnitTests: counted.filter(({ verdict, stage }) => verdict === 'fails' && stage === 'unit').length,
    unnoticed: counted
      .filter(({ verdict }) => verdict !== 'fails')
      .toSorted((a, b) => a.path.localeCompare(b.path) || a.line - b.line),
    equivalent: judged.length - counted.length,
    percent: counted.length === 0 ? 0 : Math.round((1000 * noticed) / counted.length) / 10,
    folders: folders.map((folder) => {
      const inside = counted.filter((one) => folderOf(one) === folder)
      return { folder, noticed: inside.filter(({ verdict }) => verdict === 'fails').length, counted: inside.length }
    }),
  }
}

/** For a terminal. */
export function table({ noticed, byUnitTests, unnoticed, equivalent, percent, folders }: Score): string {
  const width = Math.max(0, ...folders.map(({ folder }) => folder.length))
  return [
    '',
    ...folders.map(
      (each) =>
        `${each.folder.padEnd(width)}  ${String(each.noticed).padStart(4)} of ${String(each.counted).padStart(4)}`,
    ),
    '',
    ...unnoticed.flatMap((one) => [
      `${one.verdict === 'hangs' ? 'hangs' : 'unnoticed'}  ${one.path}:${one.line}  ${one.what}${one.nth > 1 ? ` (${one.nth})` : ''}`,
      `    ${one.text}`,
    ]),
    `${noticed} noticed (${byUnitTests} by unit tests), ${unnoticed.length} unnoticed, ${equivalent} equivalent: ${percent} %`,
  ].join('\n')
}
