/** The words by which a record is found, and those of a question: the same rule makes both, so that they meet. */
import { createHash } from 'node:crypto'
import { networkOf } from '@postroad/options'
import { listOf, refusedOf, type StoredRecord } from './record.ts'
import { type MailOutcome, outcomeOf } from './story/outcome.ts'

/** Words of a subject or a reply that count. */
export const MOST_WORDS = 20
/** Characters in which they are looked for. */
export const TEXT_LENGTH = 1_000
/** Characters of a word. */
export const LENGTH = 200

/** The network that mail of one sender comes from, as greylisting sees it. */
export function networkWord(address: string): string | undefined {
  const network = networkOf(address, { v4: 24, v6: 64 })
  return network && `net:${network}`
}

/** Takes the words of a record, one after the other, any of them more than once. What is of another type than it should be has none. */
export interface WordTaker {
  /** What is found as a whole. */
  word(text: unknown): void
  /** An address, or its domain. */
  address(text: unknown): void
  /** Each word of a text. */
  text(text: unknown): void
  /** `550`, `5xx`, `5.7.1`, and the words behind them. */
  reply(text: unknown): void
}

const WHOLE = ['event', 'id', 'receipt', 'transaction', 'listener', 'helo', 'queue', 'host', 'class', 'via', 'closed', 'messageId'] as const // biome-ignore format: a list

/** Gives all words of a record. @param outcome how it ended, where it is one that is shown */
export function giveWords(record: StoredRecord, outcome: MailOutcome | undefined, taker: WordTaker): void {
  for (const key of WHOLE) taker.word(record[key])
  if (record.event === 'transaction') taker.word(sessionOf(record.id))
  taker.address(record.from)
  for (const address of listOf(record.to)) taker.address(address)
  taker.address(record.identity)
  taker.address(record.user)
  for (const { to, plugin, reply } of refusedOf(record)) {
    taker.address(to)
    taker.word(plugin)
    taker.reply(reply)
  }
  if (typeof record.remote === 'string') {
    taker.word(record.remote)
    taker.word(knownNetwork(record.remote))
  }
  taker.text(record.subject)
  for (const reply of listOf(record.reply)) taker.reply(reply)
  if (outcome !== undefined) taker.word(OUTCOME_WORDS[outcome])
  let last: string | undefined
  for (const { plugin, kind, shadow } of record.opinions ?? []) {
    if (plugin !== last) taker.word(plugin)
    last = plugin
    if (shadow) taker.word('shadow')
    if (kind === 'error' || kind === 'late') taker.word('failed')
  }
}

/** The words of a record, lower-case, each once. */
export function wordsOf(record: StoredRecord): ReadonlySet<string> {
  const words = new WordSet()
  giveWords(record, isShown(record) ? outcomeOf(record) : undefined, words)
  return words.all
}

class WordSet implements WordTaker {
  readonly all = new Set<string>()

  word(text: unknown): void {
    if (typeof text === 'string' && text !== '') this.all.add(wholeWord(text))
  }

  address(text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    const plain = wholeWord(text)
    this.all.add(plain)
    const domain = domainOf(plain)
    if (domain !== undefined) this.all.add(domain)
  }

  text(text: unknown): void {
    if (typeof text === 'string') for (const word of wordsOfText(text)) this.all.add(word)
  }

  reply(text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    this.word(text.slice(0, 3))
    this.word(`${text.charAt(0)}xx`)
    this.text(text.slice(4))
  }
}

/** As it is found as a whole. */
export function wholeWord(text: string): string {
  return text.slice(0, LENGTH).toLowerCase()
}

/** Of an address as it is found. */
export function domainOf(plain: string): string | undefined {
  const at = plain.lastIndexOf('@')
  return at > 0 && at < plain.length - 1 ? plain.slice(at + 1) : undefined
}

/** Each word of a text, up to {@link MOST_WORDS}. */
export function wordsOfText(text: string): readonly string[] {
  const words: string[] = []
  for (const [word] of text
    .slice(0, TEXT_LENGTH)
    .toLowerCase()
    .matchAll(/[\p{L}\p{N}][\p{L}\p{N}.'_-]*/gu)) {
    words.push(word.replace(/[.'_-]+$/, '').slice(0, LENGTH))
    if (words.length === MOST_WORDS) break
  }
  return words
}

function sessionOf(id: unknown): string | undefined {
  if (typeof id !== 'string') return undefined
  const dot = id.indexOf('.')
  return dot < 0 ? undefined : id.slice(0, dot)
}

/** Networks of addresses: clients come again. */
const networks = new Map<string, string | undefined>()
const KNOWN = 2_048

function knownNetwork(address: string): string | undefined {
  if (networks.has(address)) return networks.get(address)
  if (networks.size >= KNOWN) networks.clear()
  const network = networkWord(address)
  networks.set(address, network)
  return network
}

const SHOWN: ReadonlySet<string> = new Set(['transaction', 'session', 'auth'])

/** Whether it is a row of a list: a transaction, or a session or a login that came to none. */
export function isShown({ event }: StoredRecord): boolean {
  return SHOWN.has(event)
}

/** The word of all that ended so. */
export function outcomeWord(outcome: MailOutcome): string {
  return OUTCOME_WORDS[outcome]
}

const OUTCOME_WORDS: Readonly<Record<MailOutcome, string>> = {
  accepted: 'outcome:accepted',
  quarantined: 'outcome:quarantined',
  discarded: 'outcome:discarded',
  deferred: 'outcome:deferred',
  refused: 'outcome:refused',
  left: 'outcome:left',
}

/** What is searched: each inner list has spellings of one word, of which one must be met. */
export type WantedWords = readonly (readonly string[])[]

/** The words of a question. An address is also looked for as a digest, because the log may have it so. */
export function wantedOf(question: string): WantedWords {
  return question
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, MOST_WORDS)
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
