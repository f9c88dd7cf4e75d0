/** What somebody types into the search field, in the language of Mailpit, as a condition of SQL. */

/** Holds of some messages. The values stand for the question marks, never in the text. */
export interface MailCondition {
  readonly sql: string
  readonly values: readonly (string | number)[]
}

/** Holds of all. */
export const ALL: MailCondition = { sql: '1', values: [] }

/** Words of a search; more are not looked at. */
const WORDS = 50
const LENGTH = 500

/** Holds of these. */
export function withIds(ids: readonly string[]): MailCondition {
  return { sql: 'id IN (SELECT value FROM json_each(?))', values: [JSON.stringify(ids)] }
}

/** What stands in a field of addresses. */
const PEOPLE: ReadonlyMap<string, readonly string[]> = new Map([
  ['from', ['from']],
  ['to', ['to']],
  ['cc', ['cc']],
  ['bcc', ['bcc']],
  ['reply-to', ['replyTo']],
  ['addressed', ['from', 'to', 'cc', 'bcc', 'replyTo']],
])

/** Words that hold or do not hold. */
const STATES: ReadonlyMap<string, string> = new Map([
  ['is:read', 'read = 1'],
  ['is:unread', 'read = 0'],
  ['is:tagged', "tags <> '[]'"],
  ['has:attachment', 'attachments > 0'],
  ['has:attachments', 'attachments > 0'],
  ['has:inline', 'inline > 0'],
  ['has:inlines', 'inline > 0'],
])

/**
 * `from:ann subject:"two words" -is:read after:2026-01-31 larger:2M hello`: all of it must hold; `-` or `!` before a word: must not. What is no
 * known word of the language is looked for in the text.
 */
export function conditionOf(query: string): MailCondition {
  const parts = wordsOf(query).map(partOf)
  if (parts.length === 0) return ALL
  return {
    sql: parts.map(({ sql }) => `(${sql})`).join(' AND '),
    values: parts.flatMap(({ values }) => values),
  }
}

/** Quotes keep words together, wherever in a word they begin. */
function wordsOf(query: string): readonly string[] {
  return [...query.slice(0, 10_000).matchAll(/(?:[^\s"]|"[^"]*(?:"|$))+/g)]
    .map(([word]) => word.replaceAll('"', '').trim().slice(0, LENGTH))
    .filter((word) => word.replace(/^[-!]/, '') !== '')
    .slice(0, WORDS)
}

function partOf(word: string): MailCondition {
  const isNot = /^[-!]/.test(word)
  const { sql, values } = positive(isNot ? word.slice(1) : word)
  return isNot ? { sql: `NOT (${sql})`, values } : { sql, values }
}

function positive(word: string): MailCondition {
  const lower = word.toLowerCase()
  const state = STATES.get(lower)
  if (state !== undefined) return { sql: state, values: [] }
  const [, key = '', value = ''] = /^([a-z-]+):(.*)$/s.exec(lower) ?? []
  return (
    (value !== '' && keyed(key, value)) || {
      sql: 'instr((SELECT search FROM text WHERE text.n = mail.n), ?) > 0',
      values: [lower],
    }
  )
}

function keyed(key: string, value: string): MailCondition | undefined {
  const people = PEOPLE.get(key)
  if (people)
    return {
      sql: people.map((name) => `instr(lower(coalesce(json_extract(people, '$.${name}'), '')), ?) > 0`).join(' OR '),
      // As JSON has it: a quotation mark within.
      values: people.map(() => JSON.stringify(value).slice(1, -1)),
    }
  if (key === 'subject') return { sql: 'instr(lower(subject), ?) > 0', values: [value] }
  if (key === 'message-id') return { sql: 'instr(lower(messageId), ?) > 0', values: [value.replace(/[<>]/g, '')] }
  if (key === 'tag') return { sql: 'EXISTS (SELECT 1 FROM json_each(tags) WHERE lower(value) = ?)', values: [value] }
  if (key === 'before' || key === 'after') return dated(key, value)
  if (key === 'larger' || key === 'smaller') return sized(key, value)
  return undefined
}

/** Days begin in the time zone of this machine. */
function dated(key: 'before' | 'after', value: string): MailCondition | undefined {
  const at = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value}T00:00` : value.toUpperCase())
  return Number.isNaN(at) ? undefined : { sql: key === 'after' ? 'at >= ?' : 'at <= ?', values: [at] }
}

/** `2M`, `1.5kb`, `300`. */
function sized(key: 'larger' | 'smaller', value: string): MailCondition | undefined {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([km]?)b?$/.exec(value) ?? []
  if (amount === undefined) return undefined
  const octets = Number(amount) * (unit === 'k' ? 1_024 : unit === 'm' ? 1_048_576 : 1)
  return { sql: key === 'larger' ? 'size > ?' : 'size < ?', values: [octets] }
}
