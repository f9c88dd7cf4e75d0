/** What rspamd wants changed of a message and its envelope, done to ours. */
import { parseAddress } from '@postroad/mail'
import { glob } from '@postroad/options'
import { type Address, type Message, rewrite } from '@postroad/plugin'
import type { RspamdOptions } from './options.ts'
import type { RemovedField, RspamdEdits, RspamdField, RspamdReply } from './reply.ts'

type EditOptions = Pick<RspamdOptions, 'headers' | 'body' | 'envelope' | 'spamHeader' | 'trust'>

/** What came of a message: what was asked about, and what was said of it. */
export interface Consultation {
  /** The message as rspamd has seen it: its counts of fields are those of this one. */
  readonly message: Message
  /** One, or one for each group of recipients. */
  readonly replies: readonly RspamdReply[]
}

/** The changed message, or edits of the envelope with it. @param message as it was left by others since */
export async function edited(
  message: Message,
  asked: Consultation,
  options: EditOptions,
): Promise<Message | ReturnType<typeof rewrite>> {
  const edits = merged(asked.replies, options)
  const patterns = options.headers.map(glob)
  const isAllowed = ({ name }: { readonly name: string }) => patterns.some((fits) => fits(name))
  const body = options.body ? edits.body : undefined
  let result = without(message, asked.message, edits.remove.filter(isAllowed))
  if (edits.subject !== undefined) result = result.withReplacedHeader('Subject', unfolded(edits.subject))
  for (const { name, value } of inOrder(edits.add.filter(isAllowed)).reverse())
    if (isName(name)) result = result.withHeader(name, folded(value))
  if (isAllowed({ name: 'DKIM-Signature' }))
    for (const signature of edits.signatures.toReversed())
      result = result.withHeader('DKIM-Signature', folded(signature))
  for (const [name = options.spamHeader, value] of edits.spamHeaders)
    if (isName(name)) result = result.withoutHeader(name).withHeader(name, folded(value))
  if (body) result = await result.withBody([withCrlf(body)])
  return options.envelope ? inEnvelope(result, edits) : result
}

/** What all of them want: fields are the same for everybody, and an address is added or removed by its name. */
function merged(replies: readonly RspamdReply[], { trust }: EditOptions): RspamdEdits {
  const all = replies.map((reply) => tagged(reply, trust))
  const [first = NOTHING, ...others] = all
  const inAll = <T>(one: T, of: (edits: RspamdEdits) => readonly T[]): boolean =>
    others.every((other) => of(other).some((candidate) => same(candidate, one)))
  const ifSame = <T>(of: (edits: RspamdEdits) => T): T | undefined =>
    others.every((other) => same(of(other), of(first))) ? of(first) : undefined
  return {
    add: first.add.filter((one) => inAll(one, ({ add }) => add)),
    remove: first.remove.filter((one) => inAll(one, ({ remove }) => remove)),
    spamHeaders: first.spamHeaders.filter((one) => inAll(one, ({ spamHeaders }) => spamHeaders)),
    from: ifSame(({ from }) => from),
    subject: ifSame(({ subject }) => subject),
    body: others.every(({ body }) => body === first.body || (first.body && body?.equals(first.body)))
      ? first.body
      : undefined,
    signatures: all.find(({ signatures }) => signatures.length > 0)?.signatures ?? [],
    addRecipients: all.flatMap(({ addRecipients }) => addRecipients),
    removeRecipients: all.flatMap(({ removeRecipients }) => removeRecipients),
  }
}

/** The edits, with those that follow from the action. */
function tagged({ action, isNoted, edits }: RspamdReply, trust: RspamdOptions['trust']): RspamdEdits {
  const obeyed = trust === 'action' && !isNoted
  const isTagged = obeyed && action === 'add header'
  const noted: readonly RspamdField[] = isNoted ? [{ name: 'X-Rspamd-Action', value: action, order: undefined }] : []
  return {
    ...edits,
    add: [...edits.add, ...noted],
    subject: obeyed && action === 'rewrite subject' ? edits.subject : undefined,
    spamHeaders: !isTagged ? [] : edits.spamHeaders.length > 0 ? edits.spamHeaders : [[undefined, 'Yes']],
  }
}

const NOTHING: RspamdEdits = {
  add: [],
  remove: [],
  from: undefined,
  addRecipients: [],
  removeRecipients: [],
  spamHeaders: [],
  subject: undefined,
  signatures: [],
  body: undefined,
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Takes out the fields that are counted in `seen`; what others have written since is not counted, and stays. */
function without(message: Message, seen: Message, removals: readonly RemovedField[]): Message {
  let result = message
  for (const [name, indices] of byName(removals)) {
    if (!isName(name)) continue
    const fields = [...seen.headers].filter((field) => field.name.toLowerCase() === name)
    const gone = indices.flatMap((index) => (index === 0 ? fields : (fields.at(index > 0 ? index - 1 : index) ?? [])))
    const left = new Map<string, number>()
    for (const { raw } of new Set(gone)) left.set(key(raw), (left.get(key(raw)) ?? 0) + 1)
    result = result.withoutHeader(name, ({ raw }) => {
      const count = left.get(key(raw)) ?? 0
      left.set(key(raw), count - 1)
      return count > 0
    })
  }
  return result
}

function byName(removals: readonly RemovedField[]): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>()
  for (const { name, index } of removals) {
    const lower = name.toLowerCase()
    found.set(lower, [...(found.get(lower) ?? []), index])
  }
  return found
}

function key(raw: Uint8Array): string {
  return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('latin1')
}

/**
 * From the top to the bottom: new trace goes on top of a message (RFC 5322 §3.6.7), and within what is new the order of rspamd counts: 0 and up
 * first, then those without, then those that count from the end.
 */
function inOrder(fields: readonly RspamdField[]): RspamdField[] {
  const place = ({ order }: RspamdField): number =>
    order === undefined ? FAR : order >= 0 ? Math.min(order, FAR - 1) : 2 * FAR + Math.max(order, 1 - FAR)
  return fields.toSorted((a, b) => place(a) - place(b))
}

/** Further down than any field. */
const FAR = 1_000_000

/** RFC 5322 §3.6.8; what a rule of an operator got wrong must not defer the message. */
function isName(name: string): boolean {
  return /^[!-9;-~]{1,200}$/.test(name)
}

/** Folds are kept, because a signature may be of them; whatever else would end the field becomes a blank. */
function folded(value: string): string {
  const lines = value
    .replaceAll('\0', '')
    .split(/\r\n|\r|\n/)
    .filter((line) => line.trim() !== '')
  return lines.map((line, place) => (place === 0 || /^[ \t]/.test(line) ? line : ` ${line}`)).join('\r\n')
}

function unfolded(value: string): string {
  return folded(value).replaceAll('\r\n', '')
}

/** A body that a rule has made may have lines of its own kind, which must not leave this server. */
function withCrlf(body: Buffer): Buffer {
  const text = body.toString('latin1')
  return /\r(?!\n)|(?<!\r)\n/.test(text) ? Buffer.from(text.replace(/\r\n|\r|\n/g, '\r\n'), 'latin1') : body
}

function inEnvelope(message: Message, edits: RspamdEdits): Message | ReturnType<typeof rewrite> {
  const from = edits.from === undefined ? undefined : readSender(edits.from)
  const add = addresses(edits.addRecipients)
  const remove = addresses(edits.removeRecipients)
  if (from === undefined && add.length === 0 && remove.length === 0) return message
  return rewrite({
    message,
    ...(from !== undefined && { from }),
    ...(add.length > 0 && { add }),
    ...(remove.length > 0 && { remove }),
  })
}

/** `null` is `<>`; undefined is no address. */
function readSender(text: string): Address | null | undefined {
  const bare = unbracketed(text)
  return bare === '' ? null : parseAddress(bare, { smtputf8: true })
}

function addresses(texts: readonly string[]): readonly Address[] {
  return texts.flatMap((text) => parseAddress(unbracketed(text), { smtputf8: true }) ?? [])
}

function unbracketed(text: string): string {
  return text.trim().replace(/^<(.*)>$/, '$1')
}
