/** Which line of a file says what: mistakes are told with it. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'

/**
 * Finds the line, counted from 1, of what a path leads to; of what is not there, of the nearest around it.
 *
 * @param text YAML, or JSON, which is YAML too
 */
export function lineFinder(text: string): (path: readonly PropertyKey[]) => number {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter })
  return (path) => {
    let node: unknown = document.contents
    let offset = document.contents?.range[0] ?? 0
    for (const key of path) {
      const [place, inner] = step(node, key)
      if (place === undefined) break
      offset = place
      node = isAlias(inner) ? inner.resolve(document) : inner
    }
    return lineCounter.linePos(offset).line
  }
}

/** Where the key or the entry begins, and its value. */
function step(node: unknown, key: PropertyKey): readonly [offset: number | undefined, value: unknown] {
  if (isMap(node)) {
    const pair = node.items.find((one) => isScalar(one.key) && String(one.key.value) === String(key))
    return [isScalar(pair?.key) ? pair.key.range?.[0] : undefined, pair?.value]
  }
  const entry: unknown = isSeq(node) ? node.items[Number(key)] : undefined
  return [isMap(entry) || isSeq(entry) || isScalar(entry) ? entry.range?.[0] : undefined, entry]
}
