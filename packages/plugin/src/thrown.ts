/** What foreign code threw: JavaScript lets it be anything, also an object that throws when it is looked at. */

/** Characters of a text: what was thrown may be a page. */
const LENGTH = 1_000

/**
 * The text of anything that was thrown, on one line of a log: an error's message, whatever realm it comes from; else the value as
 * JSON or text. Never throws.
 *
 * @example catch (cause) { throw new Error(`${file} cannot be read: ${textOf(cause)}`, { cause }) }
 */
export function textOf(thrown: unknown): string {
  try {
    return shown(thrown).slice(0, LENGTH)
  } catch {
    // A proxy, a getter, a `toString` that throws.
    return `a value that cannot be shown (${typeof thrown})`
  }
}

/**
 * Anything that was thrown, as an `Error` whose `name`, `message` and `stack` can be read: itself if it is one, else a new one with
 * its {@link textOf}. Never throws.
 */
export function errorOf(thrown: unknown): Error {
  try {
    if (thrown instanceof Error && isReadable(thrown)) return thrown
    if (isForeignError(thrown) && isReadable(thrown)) {
      const { name, message, stack } = thrown
      return Object.assign(new Error(message), { name }, stack === undefined ? {} : { stack })
    }
  } catch {
    // As above.
  }
  return new Error(textOf(thrown))
}

function shown(thrown: unknown): string {
  if (thrown instanceof Error || isForeignError(thrown)) {
    const { message, name } = thrown
    return typeof message === 'string' && message !== '' ? message : String(name)
  }
  if (typeof thrown === 'function') return `a function (${String(thrown.name)})`
  return typeof thrown === 'object' && thrown !== null ? JSON.stringify(thrown) : String(thrown)
}

function isReadable({ name, message, stack }: Error): boolean {
  return typeof name === 'string' && typeof message === 'string' && (stack === undefined || typeof stack === 'string')
}

/** An error of another realm, of `node:vm` for one, is no `instanceof` of ours. */
function isForeignError(value: unknown): value is Error {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Error]'
}
