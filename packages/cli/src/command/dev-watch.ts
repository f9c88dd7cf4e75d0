/** Watches files, and nothing else of their folders: what a server writes beside its configuration is no reason to load it again. */
import { type FSWatcher, statSync, watch } from 'node:fs'
import path from 'node:path'

/** What to do, and when. */
export interface DevWatchOptions {
  /** Milliseconds without a change: editors write a file in several steps. */
  readonly quietMs: number
  /** Called one at a time: two saves must not build two generations at once. */
  changed(): Promise<void>
}

/** @param files which, absolute; asked again after every change. Those that are not there are waited for */
export function watchFiles(files: () => readonly string[], { quietMs, changed }: DevWatchOptions): { close(): void } {
  const folders = new Map<string, FSWatcher>()
  let seen = new Map<string, string>()
  let timer: NodeJS.Timeout | undefined
  let last = Promise.resolve()
  // A folder is watched and not a file: many editors put a new file in the place of the old one.
  const follow = (known: ReadonlyMap<string, string> = new Map()): void => {
    seen = new Map(files().map((file) => [file, known.get(file) ?? stampOf(file)]))
    const wanted = new Set([...seen.keys()].map((file) => path.dirname(file)))
    for (const [folder, watcher] of folders) if (!wanted.has(folder) && folders.delete(folder)) watcher.close()
    for (const folder of wanted) if (!folders.has(folder) && exists(folder)) folders.set(folder, watch(folder, saw))
  }
  const saw = (): void => {
    if (![...seen].some(([file, stamp]) => stampOf(file) !== stamp)) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      last = last.then(async () => {
        // Before it is read: a save while it is read is another change.
        follow()
        await changed()
        follow(seen)
      })
    }, quietMs)
  }
  follow()
  return {
    close() {
      clearTimeout(timer)
      for (const watcher of folders.values()) watcher.close()
    },
  }
}

function stampOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false })
  return found?.isFile() ? `${found.mtimeMs} ${found.size} ${found.ino}` : ''
}

function exists(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false
}
