/** Folders for what tests write inside the repository, where the packages are found as they are where they are installed. */
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Not `var`: that is `npm start`'s, which lets nobody else read it, and which must not find it made by others. Not below `node_modules`:
 * Node strips no types there.
 */
const PLACE = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.work')

/** A folder that stays, for what is too dear to make each time. Absolute. */
export function keptFolder(name: string): string {
  const folder = join(PLACE, name)
  mkdirSync(folder, { recursive: true })
  return folder
}

/**
 * A new folder, to be removed by who asked for it. Absolute.
 *
 * @param prefix tells whose it is, when one is left behind
 * @param mode others may look in by default: a server that gave up its rights reads its configuration there
 */
export function makeTestFolder(prefix: string, mode = 0o755): string {
  mkdirSync(PLACE, { recursive: true })
  const folder = mkdtempSync(join(PLACE, `${prefix}-`))
  chmodSync(folder, mode)
  return folder
}
