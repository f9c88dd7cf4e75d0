/** What most programs send, judged without the schema: it says nothing else, only later. What is not found to be right here is the schema's to judge. */
import type { MessageInput } from './schema.ts'

/** What none of these may have; `\u0020-\u007e` alone in one line. */
const LINE = /^[ -~]*$/
/** No half of a character can be in what has no surrogates at all. */
const TEXT = /^[^\ud800-\udfff]*$/

/** The message when it has nothing but short lines of ASCII and texts; undefined: ask the schema. */
export function simpleMessage(value: unknown): MessageInput | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  for (const key in value) {
    const part: unknown = (value as Readonly<Record<string, unknown>>)[key] // an object, as was seen
    if (typeof part !== 'string') return undefined
    const isRight =
      key === 'text' || key === 'html'
        ? TEXT.test(part)
        : key === 'from' || key === 'to'
          ? part !== '' && part.length <= 1_000 && LINE.test(part)
          : key === 'subject' && part.length <= 5_000 && LINE.test(part)
    if (!isRight) return undefined
  }
  return value
}
