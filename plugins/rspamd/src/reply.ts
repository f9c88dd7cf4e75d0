/** What rspamd answers: read with care, for versions differ, and rules of an operator write into it. */

/** A rule that fitted. */
export interface FoundSymbol {
  readonly score: number
  readonly options: readonly string[]
}

/** A field to be written. */
export interface RspamdField {
  readonly name: string
  readonly value: string
  /** 0 is the first; negative from the end; undefined: where new fields go. */
  readonly order: number | undefined
}

/** A field to be taken out. */
export interface RemovedField {
  readonly name: string
  /** From 1; 0: all; negative from the end. */
  readonly index: number
}

/** RspamdEdits of message and envelope. */
export interface RspamdEdits {
  readonly add: readonly RspamdField[]
  readonly remove: readonly RemovedField[]
  /** A new reverse-path; the empty text is `<>`. */
  readonly from: string | undefined
  readonly addRecipients: readonly string[]
  readonly removeRecipients: readonly string[]
  /** In the place of the spam header's `Yes`, where the action is `add header`. */
  readonly spamHeaders: readonly (readonly [name: string | undefined, value: string])[]
  readonly subject: string | undefined
  readonly signatures: readonly string[]
  /** A new body. */
  readonly body: Buffer | undefined
}

/** The verdict and what comes with it. */
export interface RspamdReply {
  readonly action: string
  readonly score: number
  readonly required: number | undefined
  readonly symbols: ReadonlyMap<string, FoundSymbol>
  /** What the client is to be told. */
  readonly text: string | undefined
  /** What is to be done instead of a reject. */
  readonly instead: 'discard' | 'quarantine' | undefined
  /** The action is to be written into a field, and not obeyed. */
  readonly isNoted: boolean
  readonly edits: RspamdEdits
}

type Json = Readonly<Record<string, unknown>>

/**
 * Reads the JSON of `checkv2`.
 *
 * @param body a new body that followed it
 * @throws {Error} when there is no verdict in it: that is a failure, and not a clean message
 */
export function readReply(text: string, body?: Buffer): RspamdReply {
  const value: unknown = JSON.parse(text)
  const { action, score } = isObject(value) ? value : {}
  if (!isObject(value) || typeof action !== 'string' || action === '' || typeof score !== 'number')
    throw new Error('the answer of rspamd has no action or no score')
  const milter = objectIn(value, 'milter')
  const { reject } = milter
  return {
    action: action.toLowerCase(),
    score,
    required: numberOf(value['required_score']),
    symbols: new Map(Object.entries(objectIn(value, 'symbols')).map(([name, symbol]) => [name, readSymbol(symbol)])),
    text: textOf(objectIn(value, 'messages')['smtp_message']),
    instead: reject === 'discard' || reject === 'quarantine' ? reject : undefined,
    isNoted: milter['no_action'] === true,
    edits: {
      add: fields(milter['add_headers']).flatMap(([name, given]) => added(name, given)),
      remove: fields(milter['remove_headers']).flatMap(([name, given]) =>
        listOf(given).flatMap((index) => (Number.isInteger(index) ? { name, index: Number(index) } : [])),
      ),
      from: textOf(milter['change_from']),
      addRecipients: texts(milter['add_rcpt']),
      removeRecipients: texts(milter['del_rcpt']),
      spamHeaders: spamHeaders(milter['spam_header']),
      subject: textOf(value['subject']),
      signatures: texts(value['dkim-signature']),
      body,
    },
  }
}

function readSymbol(value: unknown): FoundSymbol {
  if (typeof value === 'number') return { score: value, options: [] }
  if (!isObject(value)) return { score: 0, options: [] }
  return { score: numberOf(value['score']) ?? 0, options: texts(value['options']) }
}

/** A text, an object with `value` and `order` (or `index`), or a list of these: all of them are in use. */
function added(name: string, given: unknown): readonly RspamdField[] {
  return listOf(given).flatMap((one) => {
    if (typeof one === 'string') return [{ name, value: one, order: undefined }]
    if (!isObject(one) || typeof one['value'] !== 'string') return []
    const order = numberOf(one['order']) ?? numberOf(one['index'])
    return [{ name, value: one['value'], order: order === undefined ? undefined : Math.trunc(order) }]
  })
}

function spamHeaders(given: unknown): RspamdEdits['spamHeaders'] {
  if (typeof given === 'string') return [[undefined, given]]
  return fields(given).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : []))
}

function fields(value: unknown): readonly (readonly [string, unknown])[] {
  return isObject(value) ? Object.entries(value) : []
}

function texts(value: unknown): readonly string[] {
  return listOf(value).filter((one) => typeof one === 'string')
}

function listOf(value: unknown): readonly unknown[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function objectIn(value: Json, key: string): Json {
  const found = value[key]
  return isObject(found) ? found : {}
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
