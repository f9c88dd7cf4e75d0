/** What a filter says to a mail server: written by the one, read by the other. */
import { type MilterField, type PathArgument, parseField, parsePathCommand, show } from './command.ts'
import { MilterError } from './errors.ts'
import type { FrameWriter, MilterFrame } from './frame.ts'
import { type Agreement, formatOptions, parseOptions } from './negotiation.ts'
import { formatReplyText, type MilterReply, parseReplyText } from './reply-text.ts'
import { decode, textEnd, withoutNul } from './text.ts'
import { ANSWER } from './word.ts'

/** What ends a command, and says nothing more. */
export type BareAnswer =
  | 'continue'
  | 'accept'
  | 'reject'
  | 'tempfail'
  | 'discard'
  | 'skip'
  | 'shutdown'
  | 'connectionFailure'

/** One answer. All that is neither a decision nor `reply` comes before one; `progress` may come at any time. */
export type Answer =
  | { readonly kind: BareAnswer | 'progress' }
  | ({ readonly kind: 'options' } & Agreement)
  | ({ readonly kind: 'reply' } & MilterReply)
  /** Below all others. */
  | ({ readonly kind: 'addHeader' } & MilterField)
  /** `index` counts with the trace field of the server itself: 0 is above it. */
  | ({ readonly kind: 'insertHeader'; readonly index: number } & MilterField)
  /** The `index`th of its name, from 1; 0 is the first one, too. An empty value takes it away. */
  | ({ readonly kind: 'changeHeader'; readonly index: number } & MilterField)
  /** A piece of another body; all of them in one run. */
  | { readonly kind: 'replaceBody'; readonly data: Uint8Array }
  /** With parameters it is another frame, which Sendmail does not take well. */
  | ({ readonly kind: 'addRcpt' } & PathArgument)
  | { readonly kind: 'deleteRcpt'; readonly path: string }
  | ({ readonly kind: 'changeFrom' } & PathArgument)
  | { readonly kind: 'quarantine'; readonly reason: string }

const PLAIN: ReadonlyMap<number, BareAnswer | 'progress'> = new Map([
  [ANSWER.continue, 'continue'],
  [ANSWER.accept, 'accept'],
  [ANSWER.reject, 'reject'],
  [ANSWER.tempfail, 'tempfail'],
  [ANSWER.discard, 'discard'],
  [ANSWER.skip, 'skip'],
  [ANSWER.shutdown, 'shutdown'],
  [ANSWER.connectionFailure, 'connectionFailure'],
  [ANSWER.progress, 'progress'],
])

/** @throws {MilterError} when it is not what its first octet says, or nothing that there is */
export function parseAnswer({ code, data }: MilterFrame): Answer {
  const kind = PLAIN.get(code)
  if (kind !== undefined) return { kind }
  switch (code) {
    case ANSWER.options:
      return { kind: 'options', ...parseOptions(data) }
    case ANSWER.reply:
      return { kind: 'reply', ...parseReplyText(decode(data.subarray(0, textEnd(data, 0)))) }
    case ANSWER.addHeader:
      return { kind: 'addHeader', ...parseField(data) }
    case ANSWER.insertHeader:
      return { kind: 'insertHeader', index: indexOf(data), ...parseField(data.subarray(4)) }
    case ANSWER.changeHeader:
      return { kind: 'changeHeader', index: indexOf(data), ...parseField(data.subarray(4)) }
    case ANSWER.replaceBody:
      return { kind: 'replaceBody', data }
    case ANSWER.addRcpt:
    case ANSWER.addRcptParameters:
      return { kind: 'addRcpt', ...pathOf(data) }
    case ANSWER.deleteRcpt:
      return { kind: 'deleteRcpt', path: pathOf(data).path }
    case ANSWER.changeFrom:
      return { kind: 'changeFrom', ...pathOf(data) }
    case ANSWER.quarantine:
      return { kind: 'quarantine', reason: decode(data.subarray(0, textEnd(data, 0))) }
    default:
      throw new MilterError(`there is no answer ${show(code)}`)
  }
}

function indexOf(data: Buffer): number {
  if (data.length < 4) throw new MilterError('a field without its index')
  return data.readUInt32BE(0)
}

/** Parameters are one text, separated by blanks. */
function pathOf(data: Buffer): PathArgument {
  const { path, parameters } = parsePathCommand(data)
  return { path, parameters: parameters.flatMap((one) => one.split(' ').filter(Boolean)) }
}

/** Adds the frame of an answer. NUL has no place in a text, and is left out. */
export function writeAnswer(out: FrameWriter, answer: Answer): void {
  switch (answer.kind) {
    case 'options':
      out.add(ANSWER.options, ...formatOptions(answer))
      break
    case 'reply':
      out.add(ANSWER.reply, text(formatReplyText(answer)))
      break
    case 'addHeader':
      out.add(ANSWER.addHeader, ...field(answer))
      break
    case 'insertHeader':
    case 'changeHeader':
      out.add(ANSWER[answer.kind], answer.index, ...field(answer))
      break
    case 'replaceBody':
      out.add(ANSWER.replaceBody, answer.data)
      break
    case 'addRcpt':
      if (answer.parameters.length === 0) out.add(ANSWER.addRcpt, text(answer.path))
      else out.add(ANSWER.addRcptParameters, ...path(answer))
      break
    case 'deleteRcpt':
      out.add(ANSWER.deleteRcpt, text(answer.path))
      break
    case 'changeFrom':
      out.add(ANSWER.changeFrom, ...path(answer))
      break
    case 'quarantine':
      out.add(ANSWER.quarantine, text(answer.reason))
      break
    default:
      out.add(ANSWER[answer.kind])
  }
}

function field({ name, value }: MilterField): readonly (string | Uint8Array)[] {
  return [Buffer.from(name, 'latin1'), '\0', value, '\0']
}

function path({ path, parameters }: PathArgument): readonly string[] {
  return parameters.length === 0 ? [text(path)] : [text(path), text(parameters.join(' '))]
}

function text(value: string): string {
  return `${withoutNul(value)}\0`
}
