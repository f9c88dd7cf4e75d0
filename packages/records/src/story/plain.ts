/** A sentence as plain text. */
import { printable, type SentencePart } from './sentence.ts'

/** The text of a sentence, for a terminal. */
export function plainText(sentence: readonly SentencePart[]): string {
  return sentence.map(plainPart).join('')
}

function plainPart(part: SentencePart): string {
  switch (part.kind) {
    case 'text':
      return part.text
    case 'plugin':
      return part.name
    case 'duration':
      return durationText(part.ms)
    case 'time':
      return new Date(part.at).toISOString().replace('T', ' ').slice(0, 19)
    case 'address':
      return part.text === '' ? '<>' : printable(part.text)
    case 'code':
      return printable(part.text)
  }
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const

/** `0.8 s`, `95 s`, `5 min 12 s`, `2 h 5 min`. The page says the same. */
export function durationText(ms: number): string {
  if (ms < 9_950)
    return `${Math.max(ms, 0) < 1_000 && ms % 100 !== 0 ? (ms / 1_000).toFixed(ms < 100 ? 3 : 1) : (ms / 1_000).toFixed(1).replace(/\.0$/, '')} s`
  if (ms < 119_500) return `${Math.round(ms / 1_000)} s`
  if (ms < 599_500) {
    const seconds = Math.round(ms / 1_000)
    return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? '' : ` ${seconds % 60} s`}`
  }
  const parts: string[] = []
  let rest = Math.round(ms / 60_000) * 60_000
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${unit}`)
  }
  return parts.slice(0, 2).join(' ')
}
