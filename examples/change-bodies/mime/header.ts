/** Changes of what a header section says of its body: in the message by its methods, in a part by edits. */
import type { Message } from '@postroad/plugin'
import type { Edit } from './edit.ts'
import { asText, type Field } from './field.ts'
import type { Part } from './structure.ts'
import type { TextChange } from './text.ts'

/** New values of fields, one character an octet; undefined: as they are. */
export interface HeaderChange {
  readonly 'Content-Type'?: string
  readonly 'Content-Transfer-Encoding'?: string
  readonly 'Content-Disposition'?: string
}

/** What the header section says after a change of its text; undefined when that cannot be said without touching more. */
export function headerFor({ part, charset, encoding }: TextChange): HeaderChange | undefined {
  if (part.isAmbiguous) return charset === undefined && encoding === undefined ? {} : undefined
  const type = charset === undefined ? undefined : withCharset(part, charset)
  if (charset !== undefined && type === undefined) return undefined
  return {
    ...(type === undefined ? {} : { 'Content-Type': type }),
    ...(encoding === undefined ? {} : { 'Content-Transfer-Encoding': encoding }),
  }
}

function withCharset(part: Part, charset: string): string | undefined {
  const field = fieldOf(part, 'content-type')
  if (!field) return `text/plain; charset=${charset}`
  const { parameters, value, valueEnd } = part.contentType
  const named = parameters.filter(({ name }) => name.split('*')[0] === 'charset')
  const [old] = named
  if (value !== part.type || named.length > 1 || (old && old.name !== 'charset')) return undefined
  const text = field.value.trimEnd()
  return (
    old
      ? `${text.slice(0, old.start)}${charset}${text.slice(old.end)}`
      : `${text.slice(0, valueEnd)}; charset=${charset}${text.slice(valueEnd)}`
  ).trimStart()
}

/** Edits of a part's header section, in the order of their places. */
export function headerEdits(part: Part, change: HeaderChange): readonly Edit[] {
  return Object.entries(change).map(([name, value]) => {
    const field = fieldOf(part, name.toLowerCase())
    const start = part.headerStart + (field?.valueStart ?? 0)
    const end = part.headerStart + (field?.valueEnd ?? 0)
    return { start, end, octets: Buffer.from(field ? ` ${value}` : `${name}: ${value}\r\n`, 'latin1') }
  })
}

/** The message with these values; others keep their octets. */
export function withHeader(message: Message, change: HeaderChange): Message {
  let next = message
  const entries = Object.entries(change)
  if (entries.length > 0 && !next.headers.has('MIME-Version')) next = next.withHeader('MIME-Version', '1.0')
  for (const [name, value] of entries) next = next.withReplacedHeader(name, asText(value))
  return next
}

/** The same, and no other fields about the body: they were about another one. */
export function withOnlyHeader(message: Message, change: HeaderChange): Message {
  const kept = new Set(Object.keys(change).map((name) => name.toLowerCase()))
  let next = message
  for (const name of new Set([...message.headers].map((field) => field.name.toLowerCase()))) {
    if (!name.startsWith('content-')) continue
    let seen = 0
    next = next.withoutHeader(name, () => !kept.has(name) || seen++ > 0)
  }
  return withHeader(next, change)
}

function fieldOf(part: Part, name: string): Field | undefined {
  return part.fields.find((field) => field.name === name)
}
