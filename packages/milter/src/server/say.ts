/** What a judgement is in words of milter. */
import type { HeaderEdit } from '@postroad/mail'
import { formatReply, type Judgement, type WireReply } from '@postroad/smtp'
import { type Answer, writeAnswer } from '../answer.ts'
import type { FrameWriter } from '../frame.ts'
import { ACTION, ANSWER, frameSizeOf } from '../word.ts'
import { parameterWords } from './path.ts'

/** What a server can be told. */
export interface Telling {
  readonly actions: number
  /** Values are sent with the blank behind the colon. */
  readonly isVerbatim: boolean
  /** A server of which nothing is known may break on parameters of a recipient, as Sendmail does. */
  readonly takesParameters: boolean
  readonly pass: 'continue' | 'accept'
  /** An address as the server has named it, which is how it finds it again. */
  named(address: string): string
}

/** libmilter takes no more lines. */
const LINES = 32
const REASON = 200

/**
 * Adds a reply: its code, status and lines, as SMTP would have them. Where the connection is to end it is one of the codes that end it.
 *
 * @param hangsUpFor521 what is refused for good is refused so, with its own status; else 421, and the status says the same as before, for now
 */
export function writeReply(out: FrameWriter, reply: WireReply, hangsUpFor521: boolean): void {
  const said = parting(reply, hangsUpFor521)
  const lines = formatReply(said).slice(0, -2).split('\r\n').slice(0, LINES)
  // Sendmail takes the text as a format, and Postfix makes one percent sign of two.
  const last = lines.length - 1
  const text = lines.map((line, index) => (index < last ? line : `${line.slice(0, 3)} ${line.slice(4)}`)).join('\r\n')
  out.add(ANSWER.reply, `${text.replaceAll('%', '%%')}\0`)
}

/** Postfix and Postroad end the connection after 421 and after 521, whoever said it; Sendmail after 421 only. */
function parting(reply: WireReply, hangsUpFor521: boolean): WireReply {
  const { code, status, disconnect } = reply
  if (!disconnect) return hangsUpFor521 && code === 521 ? { ...reply, code: 550 } : reply
  if (code === 421) return reply
  if (hangsUpFor521 && code >= 500) return { ...reply, code: 521 }
  return { ...reply, code: 421, status: `4${status?.slice(1) ?? '.3.0'}` }
}

/** What the server has not offered, and the judgement needs: nothing of it is applied then. Undefined when all can be said. */
export function impossible({ outcome, edits, envelope }: Judgement, { actions }: Telling): string | undefined {
  const lacks = (action: number): boolean => (actions & action) === 0
  const fields = edits?.headers ?? []
  if (outcome === 'quarantine' && lacks(ACTION.quarantine)) return 'to hold a message'
  if (edits?.body && lacks(ACTION.changeBody)) return 'another body'
  if (fields.some(({ kind }) => kind === 'insert') && lacks(ACTION.addHeaders)) return 'a field more'
  if (fields.some(({ kind }) => kind !== 'insert') && lacks(ACTION.changeHeaders)) return 'another field, or one less'
  if (fields.some(({ name }) => name === '')) return 'a change of a line that is no field'
  if (envelope?.from !== undefined && lacks(ACTION.changeFrom)) return 'another sender'
  if (envelope && envelope.add.length > 0 && lacks(ACTION.addRcpt)) return 'a recipient more'
  if (envelope && envelope.remove.length > 0 && lacks(ACTION.deleteRcpt)) return 'a recipient less'
  return undefined
}

/** Adds all edits but those of the body, in the order in which they are to be applied. */
export function writeEdits(out: FrameWriter, { outcome, reason, edits, envelope }: Judgement, telling: Telling): void {
  for (const edit of edits?.headers ?? []) writeAnswer(out, headerAnswer(edit, telling))
  if (envelope) {
    const { from, add, remove } = envelope
    if (from !== undefined) writeAnswer(out, { kind: 'changeFrom', path: `<${from ?? ''}>`, parameters: [] })
    for (const { address, parameters } of add)
      writeAnswer(out, {
        kind: 'addRcpt',
        path: `<${address}>`,
        parameters: telling.takesParameters ? parameterWords(parameters) : [],
      })
    for (const address of remove) writeAnswer(out, { kind: 'deleteRcpt', path: telling.named(String(address)) })
  }
  if (outcome === 'quarantine') writeAnswer(out, { kind: 'quarantine', reason: printable(reason) })
}

/** A reason stands in the log of the server. */
function printable(reason: string | undefined): string {
  return (reason || 'quarantined').replace(/[^\x20-\x7e]+/g, '?').slice(0, REASON)
}

/**
 * Counts agree: changes and deletions are counted without the trace field of the server, which it does not show; insertions with it, and 0 is
 * above it. Sendmail counts insertions also with the fields that it would make if there were none (Date, Resent-Date…, eight by default): below
 * its trace field a new one stands higher there than it was meant to.
 */
function headerAnswer(edit: HeaderEdit, { isVerbatim }: Telling): Answer {
  const { name } = edit
  if (edit.kind === 'delete') return { kind: 'changeHeader', index: edit.index, name, value: NOTHING }
  const value = fieldValue(edit.raw, isVerbatim)
  return edit.kind === 'change'
    ? // Nothing at all would take it away.
      { kind: 'changeHeader', index: edit.index, name, value: value.length === 0 ? BLANK : value }
    : { kind: 'insertHeader', index: edit.before, name, value }
}

const NOTHING = new Uint8Array()
const BLANK = Buffer.from(' ')

/** Behind the colon, folds as LF. Without the leading blank: a server that adds one itself would make two of it. */
function fieldValue(raw: Uint8Array, isVerbatim: boolean): Uint8Array {
  const text = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('latin1')
  const value = text
    .slice(text.indexOf(':') + 1)
    .replace(/\r?\n$/, '')
    .replaceAll('\r\n', '\n')
  return Buffer.from(!isVerbatim && value.startsWith(' ') ? value.slice(1) : value, 'latin1')
}

/** Pieces that fill frames as well as they can: many small ones are joined, large ones are cut. */
export async function* framed(source: AsyncIterable<Uint8Array>, steps: number): AsyncIterable<Uint8Array> {
  const most = frameSizeOf(steps)
  let waiting: Uint8Array[] = []
  let length = 0
  let isAny = false
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + most - length)
      at += piece.length
      waiting.push(piece)
      length += piece.length
      if (length < most) continue
      yield Buffer.concat(waiting)
      isAny = true
      waiting = []
      length = 0
    }
  // A body of nothing is a piece of nothing: without one the old body stays.
  if (length > 0 || !isAny) yield Buffer.concat(waiting)
}
