/** A package that is not there: an optional peer of a plugin, for one. What gets it is said wherever its absence is. */
import { errorOf } from '@postroad/plugin'

/** Causes of causes that are looked at. */
const DEPTH = 5

/** The command that gets the package whose absence this is, or was caused by; undefined: it is something else. */
export function installCommand(thrown: unknown): string | undefined {
  let error = thrown
  for (let at = 0; at < DEPTH && error !== undefined; at++) {
    const { message, cause } = errorOf(error)
    // Of `import`, and of `require` when it is no path.
    const [, specifier] =
      /^Cannot find (?:package|module) '((?:@[\w.~-]+\/)?[\w~-][\w.~-]*)(?:\/[^']*)?'/.exec(message) ?? []
    if (specifier !== undefined) return `npm install ${specifier}`
    error = cause
  }
  return undefined
}
