/**
 * What a filter's edits of the header mean, by the rules of Sendmail and Postfix: the fields that it was shown stand below the trace field of
 * the mail server, which it is not shown. By name and number the server's own field does not count; by place it does.
 */
import { MilterError } from '../errors.ts'

/** One field: of the message as it was shown, or octets that a filter has written, with the line end. */
interface Entry<F> {
  readonly name: string
  readonly field: F | Uint8Array | undefined
  /** The server's own, or what stands above all: not counted by name. */
  readonly isHidden: boolean
}

/** The fields after some edits. */
export interface EditedFields<F> {
  /** Those above the server's own field. */
  readonly top: readonly (F | Uint8Array)[]
  readonly rest: readonly (F | Uint8Array)[]
}

const LF = 0x0a
const CR = 0x0d

/** The header of one message, as a filter edits it; each edit sees what those before have done, and gives a phrase for the log. */
export class FieldEdits<F extends { readonly name: string }> {
  readonly #entries: Entry<F>[]
  readonly #own: Entry<F>
  readonly #hasLeadingSpace: boolean

  /**
   * @param own the server's own trace field; undefined where another server adds it, and it is not there
   * @param top fields above it
   * @param rest fields below it, all that the filter was shown but for `top`
   */
  constructor(
    { own, top = [], rest }: { readonly own?: F | undefined; readonly top?: readonly F[]; readonly rest: readonly F[] },
    hasLeadingSpace: boolean,
  ) {
    const shown = (field: F): Entry<F> => ({ name: field.name.toLowerCase(), field, isHidden: false })
    this.#own = { name: own?.name.toLowerCase() ?? '', field: own, isHidden: true }
    this.#entries = [...top.map(shown), this.#own, ...rest.map(shown)]
    this.#hasLeadingSpace = hasLeadingSpace
  }

  /** Below all others. */
  add(name: string, value: Uint8Array): string {
    this.#entries.push(this.#written(name, value))
    return `add ${name}`
  }

  /** At a place: 0 is above all, the server's own field included, 1 right below that. */
  insert(index: number, name: string, value: Uint8Array): string {
    this.#entries.splice(Math.min(index, this.#entries.length), 0, this.#written(name, value))
    return `insert ${name} at ${index}`
  }

  /**
   * The `index`th of its name, from 1; 0 is the first one, too. An empty value takes it away. One that is not there is added; to take away what
   * is not there is nothing.
   */
  change(index: number, name: string, value: Uint8Array): string {
    const key = name.toLowerCase()
    let seen = 0
    const at = this.#entries.findIndex((one) => !one.isHidden && one.name === key && ++seen === Math.max(1, index))
    if (value.length === 0) {
      if (at >= 0) this.#entries.splice(at, 1)
      return `delete ${name} ${index}`
    }
    const written = this.#written(name, value)
    if (at >= 0) this.#entries.splice(at, 1, written)
    else this.#entries.push(written)
    return `change ${name} ${index}`
  }

  /** The fields as they are now. */
  result(): EditedFields<F> {
    const place = this.#entries.indexOf(this.#own)
    const fields = (list: readonly Entry<F>[]) =>
      list.flatMap(({ field }): (F | Uint8Array)[] => (field === undefined ? [] : [field]))
    return { top: fields(this.#entries.slice(0, place)), rest: fields(this.#entries.slice(place)) }
  }

  #written(name: string, value: Uint8Array): Entry<F> {
    return { name: name.toLowerCase(), field: fieldOctets(name, value, this.#hasLeadingSpace), isHidden: false }
  }
}

/**
 * A field as octets: line ends become CRLF.
 *
 * @throws {MilterError} when it is no field, or would be more than one
 */
export function fieldOctets(name: string, value: Uint8Array, hasLeadingSpace: boolean): Uint8Array {
  if (!/^[\x21-\x39\x3b-\x7e]+$/.test(name))
    throw new MilterError(`no name of a field: ${JSON.stringify(name.slice(0, 40))}`)
  const parts: Uint8Array[] = [Buffer.from(`${name}:${hasLeadingSpace ? '' : ' '}`, 'latin1')]
  let end = value.length
  while (end > 0 && (value[end - 1] === LF || value[end - 1] === CR)) end--
  let start = 0
  for (let at = 0; at < end; at++) {
    if (value[at] === LF) {
      const next = value[at + 1]
      // What stands there without a blank would be a field of its own, or the end of the header.
      if (next !== 0x20 && next !== 0x09) throw new MilterError(`the value of ${name} has a line that is no fold`)
      parts.push(value.subarray(start, value[at - 1] === CR ? at - 1 : at), CRLF)
      start = at + 1
    } else if (value[at] === CR && value[at + 1] !== LF) {
      throw new MilterError(`the value of ${name} has a bare CR`)
    }
  }
  parts.push(value.subarray(start, end), CRLF)
  return Buffer.concat(parts)
}

const CRLF = Buffer.from('\r\n')
