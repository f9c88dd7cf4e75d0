/** Patterns with `*` (any text) and `?` (one character), without regular expressions: nobody can make them slow. */

/** Whether a text fits. */
export type Glob = (text: string) => boolean

/**
 * A pattern for whole texts, in any case. Time grows with pattern times text at worst, whatever they are.
 *
 * @example glob('*.dyn.example.*')('host7.DYN.example.net') // true
 */
export function glob(pattern: string): Glob {
  const wanted = pattern.toLowerCase()
  if (!/[*?]/.test(wanted)) return (text) => text.toLowerCase() === wanted
  return (text) => fits(wanted, text.toLowerCase())
}

/** Greedy: after a mismatch only the last star takes one character more. */
function fits(pattern: string, text: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  for (let i = 0; i < text.length; ) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at++
      resume = i
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[i])) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++resume
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
