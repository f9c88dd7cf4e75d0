/** Where the programs of the system are: what is found is what is started, whoever runs the tests and whatever their PATH leaves out. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian keeps daemons and the tools of administrators; the PATH of a user, and of root after `su`, lacks them. */
const SYSTEM = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin']

/** A PATH with the folders of the system, for programs that start others by their names. */
export function systemPath(): string {
  return [...new Set([...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), ...SYSTEM])].join(delimiter)
}

/**
 * The absolute path of a program, to be started by.
 *
 * @throws {Error} when there is none of that name
 * @example spawn(programPath('unbound'), ['-d'])
 */
export function programPath(name: string): string {
  const found = findProgram(name)
  if (found === undefined) throw new Error(`there is no program ${name} in ${systemPath()}`)
  return found
}

/** As {@link programPath}; undefined when there is none. */
export function findProgram(name: string): string | undefined {
  return systemPath()
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // not there, or not for us: the next folder may have it
  }
}
