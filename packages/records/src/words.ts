/** The words by which a record is found, and those of a question: the same rule makes both, so that they meet. */
import { createHash } from 'node:crypto'
import { networkOf } from '@postroad/options'
import { listOf, refusedOf, type StoredRecord } from './record.ts'
import { type MailOutcome, outcomeOf } from './story/outcome.ts'

/** Words of a subject or a reply that count. */
const MOST = 20
const LENGTH = 200

/** The network that mail of one sender comes from, as greylisting sees it. */
export function networkWord(address: string): string | undefined {
  const network = networkOf(address, { v4: 24, v6: 64 })
  return network && `net:${network}`
}

/** The words of a record, lower-case, each once. */
export function wordsOf(record: StoredRecord): ReadonlySet<string> {
  const words = new Set<string>()
  const add = (value: unknown): void => {
    if (typeof value === 'string' && value !== '') words.add(value.slice(0, LENGTH).toLowerCase())
  }
  add(record.event)
  add(record.id)
  if (record.event === 'transaction') add(record.id.split('.')[0])
  for (const key of ['receipt', 'transaction', 'listener', 'helo', 'queue', 'host', 'class', 'via', 'closed'] as const)
    add(record[key])
  for (const address of [record.from, ...listOf(record.to), record.identity, record.user]) addAddress(address, words)
  for (const { to, plugin, reply } of refusedOf(record)) {
    addAddress(to, words)
    add(plugin)
    addReply(reply, words)
  }
  if (record.remote !== undefined) {
    add(record.remote)
    add(networkWord(record.remote))
  }
  add(record.messageId)
  if (record.subject !== undefined) addText(record.subject, words)
  for (const reply of listOf(record.reply)) addReply(reply, words)
  if (isShown(record)) words.add(outcomeWord(outcomeOf(record)))
  for (const { plugin, kind, shadow } of record.opinions ?? []) {
    add(plugin)
    if (shadow) words.add('shadow')
    if (kind === 'error' || kind === 'late') words.add('failed')
  }
  return words
}

const SHOWN: ReadonlySet<string> = new Set(['transaction', 'session', 'auth'])

/** Whether it is a row of a list: a transaction, or a session or a login that came to none. */
export function isShown({ event }: StoredRecord): boolean {
  return SHOWN.has(event)
}

/** The word of all that ended so. */
export function outcomeWord(outcome: MailOutcome): string {
  return `outcome:${outcome}`
}

/** What is searched: each inner list has spellings of one word, of which one must be met. */
export type WantedWords = readonly (readonly string[])[]

/** The words of a question. An address is also looked for as a digest, because the log may have it so. */
export function wantedOf(question: string): WantedWords {
  return question
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, MOST)
    .map(spellings)
}

/** Whether the words meet all that is wanted. */
export function meets(words: ReadonlySet<string>, wanted: WantedWords): boolean {
  return wanted.every((some) => some.some((word) => words.has(word)))
}

/** A look at a line, or at many: false when it is sure that nothing in it meets what is wanted. It costs a fiftieth of reading the records. */
export type Sieve = (text: string) => boolean

/** Made of those words that stand in a line as they are. */
export function sieveOf(wanted: WantedWords): Sieve {
  const plain = wanted.filter((some) => some.every((word) => PLAIN.test(word) && !MADE.test(word)))
  if (plain.length === 0) return () => true
  return (text) => {
    const lower = text.toLowerCase()
    return plain.every((some) => some.some((word) => lower.includes(word)))
  }
}

/** Characters that JSON writes as they are, and that have one lower case wherever they stand. */
const PLAIN = /^[\w.@+=:-]+$/
/** Words that no record has, but that are made of what it says. */
const MADE = /^(?:net:.*|outcome:.*|[245]xx|shadow|failed)$/

function spellings(given: string): readonly string[] {
  const word = given.replace(/^[<"'(]+|[>"'),;]+$/g, '').slice(0, LENGTH)
  const plain = word.replace(/^@/, '').toLowerCase()
  const at = word.lastIndexOf('@')
  const digest = createHash('sha256')
    .update(at > 0 ? word.slice(0, at) : word)
    .digest('hex')
    .slice(0, 12)
  const hashed = at > 0 ? `${digest}${word.slice(at).toLowerCase()}` : digest
  // A Message-ID has the shape of an address; as a digest it is one of the whole.
  const whole = createHash('sha256').update(word).digest('hex').slice(0, 12)
  return [...new Set([plain, hashed, whole])]
}

function addAddress(address: string | undefined, words: Set<string>): void {
  if (address === undefined || address === '') return
  const plain = address.slice(0, LENGTH).toLowerCase()
  words.add(plain)
  const at = plain.lastIndexOf('@')
  if (at > 0 && at < plain.length - 1) words.add(plain.slice(at + 1))
}

/** `550`, `5xx`, `5.7.1`, and the words behind them. */
function addReply(reply: string, words: Set<string>): void {
  const code = reply.slice(0, 3)
  words.add(code)
  words.add(`${code.charAt(0)}xx`)
  addText(reply.slice(4), words)
}

function addText(text: string, words: Set<string>): void {
  let count = 0
  for (const [word] of text
    .slice(0, 1_000)
    .toLowerCase()
    .matchAll(/[\p{L}\p{N}][\p{L}\p{N}.'_-]*/gu)) {
    words.add(word.replace(/[.'_-]+$/, '').slice(0, LENGTH))
    if (++count === MOST) return
  }
}
