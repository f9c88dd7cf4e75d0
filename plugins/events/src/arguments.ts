/** What follows a command. */
import { parseDuration, suggestion } from '@postroad/options'
import type { MailEvent } from '@postroad/plugin'

/** Options, read. */
export interface Values {
  /** Milliseconds since the epoch. */
  readonly since?: number
  readonly kind?: MailEvent['kind']
  readonly message?: string
  readonly event?: string
  readonly limit?: number
  readonly all?: boolean
}

const NAMES = ['since', 'kind', 'message', 'event', 'limit', 'all'] as const

type Parsed = { readonly words: readonly string[]; readonly values: Values } | { readonly mistake: string }

/** Reads words and options; a mistake is a sentence for who made it. */
export function parseArguments(
  args: readonly string[],
  { now, kinds }: { readonly now: number; readonly kinds: readonly MailEvent['kind'][] },
): Parsed {
  const words: string[] = []
  let values: Values = {}
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (!word.startsWith('--')) {
      words.push(word)
      continue
    }
    const [given = '', attached] = word.slice(2).split(/=(.*)/s)
    const name = NAMES.find((one) => one === given)
    if (name === undefined) {
      const meant = suggestion(given, NAMES)
      return { mistake: `There is no option --${given}${meant === undefined ? '' : `. Did you mean --${meant}?`}` }
    }
    if (name === 'all') {
      values = { ...values, all: true }
      continue
    }
    const text = attached ?? args[++at]
    if (text === undefined || text === '') return { mistake: `--${name} needs a value` }
    const value = readValue(name, text, { now, kinds })
    if (typeof value === 'object') return value
    values = { ...values, [name]: value }
  }
  return { words, values }
}

function readValue(
  name: Exclude<(typeof NAMES)[number], 'all'>,
  text: string,
  { now, kinds }: { readonly now: number; readonly kinds: readonly string[] },
): string | number | { readonly mistake: string } {
  if (name === 'limit')
    return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : { mistake: `--limit "${text}" is not a number from 1 on` }
  if (name === 'since') {
    const ago = parseDuration(text)
    const at = ago === undefined ? Date.parse(text) : now - ago
    if (Number.isNaN(at))
      return {
        mistake: `--since "${text}" is neither a time such as "2026-11-30T12:00:00Z" nor a duration such as "2 h"`,
      }
    return at
  }
  if (name === 'kind' && !kinds.includes(text)) {
    const meant = suggestion(text, kinds)
    return {
      mistake: `--kind "${text}" is none; there are ${kinds.join(', ')}${meant === undefined ? '' : `. Did you mean "${meant}"?`}`,
    }
  }
  return text
}
