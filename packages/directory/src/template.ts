/** Texts with places for parts of a key: `{key}`, `{local}`, `{domain}`. What fills them is a stranger's, so each provider says how. */
import { suggestion } from '@postroad/options'
import type { Key } from './entry.ts'

const PLACE = /\{(\w*)\}/g
const PARTS = ['key', 'local', 'domain'] as const

type Part = (typeof PARTS)[number]

/**
 * What is wrong with a template; undefined: nothing.
 *
 * @param what how it is called: `query`
 */
export function templateProblem(text: string, what: string): string | undefined {
  for (const [place, name = ''] of text.matchAll(PLACE)) {
    if (isPart(name)) continue
    const meant = suggestion(name, PARTS)
    return `${what} has the place ${place}, and there are only {key}, {local} and {domain}${meant === undefined ? '' : `; did you mean {${meant}}?`}`
  }
  return [...text.matchAll(PLACE)].length === 0
    ? `${what} does not ask for the key: it needs one of {key}, {local} and {domain}`
    : undefined
}

/** The text with its places filled, each by `write`. */
export function filled(text: string, key: Key, write: (part: string) => string): string {
  return text.replaceAll(PLACE, (_, name: Part) => write(key[name]))
}

/** A query with numbered parameters in its places, and which part each is: nothing of the key is ever in the text. */
export function bound(text: string, mark: (index: number) => string): { text: string; of(key: Key): string[] } {
  const parts: Part[] = []
  const made = text.replaceAll(PLACE, (_, name: Part) => mark(parts.push(name)))
  return { text: made, of: (key) => parts.map((part) => key[part]) }
}

function isPart(name: string): name is Part {
  return PARTS.includes(name as Part)
}
