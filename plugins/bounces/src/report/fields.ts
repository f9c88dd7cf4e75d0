/** Groups of fields, as the machine-readable parts of reports have them: RFC 3464 §2.1.1, RFC 5965 §3. Bounded, and linear in the text. */

/** Fields of one group by their names in lower case; of several with one name all, in order. */
export type FieldGroup = ReadonlyMap<string, readonly string[]>

/** Characters of a value that are kept. */
const VALUE = 2_000
/** Fields of a group that are kept. */
const FIELDS = 100

/**
 * The groups of a text, which an empty line separates.
 *
 * @param most groups that are read
 */
export function groupsOf(text: string, most: number): readonly FieldGroup[] {
  const groups: FieldGroup[] = []
  let group = new Map<string, string[]>()
  let count = 0
  let last: string[] | undefined
  for (const line of linesOf(text)) {
    if (line.trim() === '') {
      if (group.size > 0 && groups.push(group) >= most) return groups
      group = new Map()
      count = 0
      last = undefined
    } else if (line[0] === ' ' || line[0] === '\t') {
      if (last) last.push(`${last.pop() ?? ''} ${line.trim()}`.slice(0, VALUE))
    } else {
      const colon = line.indexOf(':')
      const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase()
      last = undefined
      if (name === '' || name.includes(' ') || ++count > FIELDS) continue
      last = group.get(name) ?? []
      last.push(
        line
          .slice(colon + 1)
          .trim()
          .slice(0, VALUE),
      )
      group.set(name, last)
    }
  }
  if (group.size > 0) groups.push(group)
  return groups
}

/** The first value of that name that is not empty. */
export function fieldOf(group: FieldGroup | undefined, name: string): string | undefined {
  return group?.get(name)?.find((value) => value !== '')
}

function* linesOf(text: string): Generator<string> {
  let at = 0
  while (at < text.length) {
    const end = text.indexOf('\n', at)
    const stop = end < 0 ? text.length : end
    yield text.slice(at, text[stop - 1] === '\r' ? stop - 1 : stop)
    at = stop + 1
  }
}
