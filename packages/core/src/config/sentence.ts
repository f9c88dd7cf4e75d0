/** What is said of an option that is wrong: a sentence that goes on after its name. */
import { suggestion } from '@postroad/options'

/** What zod tells of one mistake, as far as it is read here. */
export interface RawIssue {
  readonly code?: string
  readonly input?: unknown
  readonly expected?: string
  readonly values?: readonly unknown[]
  readonly minimum?: number | bigint
  readonly maximum?: number | bigint
  readonly inclusive?: boolean
}

/** What zod's types are called. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ['string', 'a text'],
  ['boolean', 'true or false'],
  ['number', 'a number'],
  ['object', 'an object'],
  ['record', 'an object'],
  ['array', 'a list'],
])

/** Says what it must be. */
export function must(be: string): (issue: RawIssue) => string {
  return ({ input }) => (input === undefined ? `is missing: it must be ${be}` : `must be ${be}, not ${shown(input)}`)
}

/** Says which words there are, and which may have been meant. */
export function mustBeOneOf(words: readonly string[]): (issue: RawIssue) => string {
  return (issue) => {
    const meant = typeof issue.input === 'string' ? suggestion(issue.input, words) : undefined
    return `${must(oneOf(words))(issue)}${meant === undefined ? '' : `; did you mean "${meant}"?`}`
  }
}

/** The sentence for what has none of its own; undefined: the sentences of its parts count. */
export function sentence(issue: RawIssue): string | undefined {
  const { code, expected = '', values = [] } = issue
  if (code === 'invalid_type') return must(KINDS.get(expected) ?? expected)(issue)
  if (code === 'invalid_value') return mustBeOneOf(values.map(String))(issue)
  if (code === 'too_small') return must(`at least ${issue.minimum}`)(issue)
  if (code === 'too_big') return must(`at most ${issue.maximum}`)(issue)
  return undefined
}

/** Says that there is no such option, and what may have been meant. */
export function unknownOption(key: string, known: readonly string[]): string {
  const meant = suggestion(key, known)
  return `there is no such option; ${meant === undefined ? `there are ${known.join(', ')}` : `did you mean "${meant}"?`}`
}

/** A value as it may stand in a sentence. */
export function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  if (typeof value === 'function') return 'a function'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
