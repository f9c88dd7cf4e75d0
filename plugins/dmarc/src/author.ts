/** Who a message says it is from. */
import type { HeaderField, Headers } from '@postroad/plugin'
import addressparser from 'nodemailer/lib/addressparser'

/** The From fields of a message; in a proper one there is one. */
export interface Author {
  readonly fields: number
  /** addr-specs, as written. */
  readonly addresses: readonly string[]
}

/** RFC 9989 §5.3.1; RFC 6854: the mailboxes of a group are authors like any other. */
export function readAuthor(headers: Headers): Author {
  const values: string[] = []
  for (const field of headers) {
    const value = fromValue(field)
    if (value !== undefined) values.push(value)
  }
  return { fields: values.length, addresses: values.flatMap(readAddresses) }
}

/** One plain mailbox, as nearly all are: `joe@example.com`, `Joe Doe <joe@example.com>`, `"Doe, Joe" <joe@example.com>`. */
const PLAIN = /^(?:[\w '-]+ <|"[\w ,.'-]+" <|<|)([\w+-]+(?:\.[\w+-]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)+)(>?)$/i

/** The addr-specs of one field; what is not plain goes to the parser. */
function readAddresses(value: string): string[] {
  const [, address, close] = PLAIN.exec(value) ?? []
  if (address !== undefined && value.includes('<') === (close === '>')) return [address]
  return addressparser(value, { flatten: true })
    .map((mailbox) => mailbox.address)
    .filter((parsed) => parsed !== '')
}

/** A line that is no proper field but could be read as From counts: some reader will show it. Values are read only where they may matter. */
function fromValue(field: HeaderField): string | undefined {
  const { name } = field
  if (name === 'From' || name.trim().toLowerCase() === 'from') return field.value
  if (name !== '') return undefined
  const { value } = field
  const disguised = /^\s*from\s*:/i.exec(value)
  return disguised ? value.slice(disguised[0].length) : undefined
}
