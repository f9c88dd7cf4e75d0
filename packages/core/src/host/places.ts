/** Files and folders that a configuration names, and what is wrong with them for the user of this process; only looked at. */
import { access, constants, readdir, stat, statfs } from 'node:fs/promises'
import path from 'node:path'

/** Whose it is. */
interface Owner {
  readonly path: string
  /** Name of the plugin or service. */
  readonly plugin: string
  readonly scope: string
}

/** A folder that is written into. */
export interface WrittenPlace extends Owner {
  /** Where the operator wrote it down; empty: nowhere, it is a default. */
  readonly at: string
  /** It is made when it is not there, and so are things in it. */
  readonly isMade: boolean
}

/** What is gathered while plugins are set up. */
export interface Places {
  readonly folders: WrittenPlace[]
  readonly files: Owner[]
}

/** What is wrong. */
export interface Problem {
  /** The file or folder whose rights or kind are the reason: perhaps one above. */
  readonly place: string
  readonly error: Error
}

/** The first of `path` and the folders above it that is there decides. */
export async function folderProblem({
  path: folder,
  isMade,
}: Pick<WrittenPlace, 'path' | 'isMade'>): Promise<Problem | undefined> {
  for (let place = folder; ; place = path.dirname(place)) {
    try {
      if (!(await stat(place)).isDirectory()) return { place, error: new Error(`ENOTDIR: not a directory, '${place}'`) }
      const isThere = place === folder
      await access(place, constants.X_OK | (isMade ? constants.W_OK : 0) | (isThere ? constants.R_OK : 0))
      if (isMade && KERNEL.has((await statfs(place)).type))
        return { place, error: new Error(`EROFS: the kernel's own, nothing can be kept in '${place}'`) }
      return isThere && isMade ? await databaseProblem(folder) : undefined
    } catch (error) {
      // Above what is missing, or behind what cannot be entered, is the reason.
      const isAbove = isMade && SEEN_FROM_ABOVE.has(codeOf(error)) && !(await isVisible(place))
      if (!isAbove || place === path.dirname(place)) return { place, error: error as Error } // errors of fs
    }
  }
}

/** proc, sysfs and control groups (statfs(2)): they say that root may write, and take nothing. */
const KERNEL: ReadonlySet<number> = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270])

const SEEN_FROM_ABOVE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES'])

/** A file that is not there is its plugin's own affair: some begin without. */
export async function fileProblem(file: string): Promise<Problem | undefined> {
  try {
    await access(file, constants.R_OK)
    return undefined
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? undefined : { place: file, error: error as Error } // errors of fs
  }
}

/** A command that was run as root leaves a database that the server cannot open. */
async function databaseProblem(folder: string): Promise<Problem | undefined> {
  for (const name of (await readdir(folder)).filter((one) => one.endsWith('.mdb'))) {
    const place = path.join(folder, name)
    try {
      await access(place, constants.R_OK | constants.W_OK)
    } catch (error) {
      return { place, error: error as Error } // errors of fs
    }
  }
  return undefined
}

async function isVisible(place: string): Promise<boolean> {
  return stat(place).then(
    () => true,
    () => false,
  )
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '' // errors of fs have one
}
