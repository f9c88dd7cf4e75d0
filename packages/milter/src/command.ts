/** What a mail server says to a filter: read by the one, written by the other. */
import { MilterError } from './errors.ts'
import type { FrameWriter, MilterFrame } from './frame.ts'
import { Macros, macroName } from './macros.ts'
import { formatOptions, type MilterOffer, parseOptions } from './negotiation.ts'
import { decode, textEnd, textsOf, withoutNul } from './text.ts'
import { COMMAND } from './word.ts'

/** The client, as the server sees it. */
export interface Connect {
  /** Its name, or its address in brackets when it has none that holds. */
  readonly name: string
  /** `unknown`: neither address nor port. */
  readonly family: 'inet' | 'inet6' | 'unix' | 'unknown'
  /** As the server writes it: an IPv6 address may begin with `IPv6:`. Of `unix` a path; empty when it is unknown. */
  readonly address: string
  readonly port: number
}

/** MAIL and RCPT: `path` is the argument as the client said it, mostly in angle brackets. */
export interface PathArgument {
  readonly path: string
  readonly parameters: readonly string[]
}

/** A field of the header. Folds are LF without CR; without `leadingSpace` one blank behind the colon is missing. */
export interface MilterField {
  readonly name: string
  readonly value: Uint8Array
}

/** One command. */
export type Command =
  | ({ readonly kind: 'options' } & MilterOffer)
  | { readonly kind: 'macros'; readonly command: number; readonly macros: Macros }
  | ({ readonly kind: 'connect' } & Connect)
  | { readonly kind: 'helo'; readonly name: string }
  | ({ readonly kind: 'mail' } & PathArgument)
  | ({ readonly kind: 'rcpt' } & PathArgument)
  | ({ readonly kind: 'header' } & MilterField)
  | { readonly kind: 'body'; readonly data: Uint8Array }
  /** A last piece of the body may come with it. */
  | { readonly kind: 'endOfMessage'; readonly data: Uint8Array }
  | { readonly kind: 'unknown'; readonly command: string }
  | { readonly kind: 'data' | 'endOfHeader' | 'abort' | 'quit' | 'quitSession' }

const FAMILIES: ReadonlyMap<number, Connect['family']> = new Map([
  [0x34, 'inet'],
  [0x36, 'inet6'],
  [0x4c, 'unix'],
  [0x55, 'unknown'],
])

/** @throws {MilterError} when the family is none, or the port is not there */
export function parseConnect(data: Buffer): Connect {
  const end = textEnd(data, 0)
  const name = decode(data.subarray(0, end))
  const family = FAMILIES.get(data[end + 1] ?? 0)
  if (family === undefined) throw new MilterError('connect of no address family that there is')
  if (family === 'unknown') return { name, family, address: '', port: 0 }
  if (data.length < end + 4) throw new MilterError('connect without a port')
  const address = decode(data.subarray(end + 4, textEnd(data, end + 4)))
  return { name, family, address, port: data.readUInt16BE(end + 2) }
}

/** MAIL and RCPT. */
export function parsePathCommand(data: Buffer): PathArgument {
  const [path = '', ...parameters] = textsOf(data).map(decode)
  return { path, parameters }
}

/** The name of a field is one character an octet. */
export function parseField(data: Buffer): MilterField {
  const end = textEnd(data, 0)
  return { name: data.toString('latin1', 0, end), value: data.subarray(end + 1, textEnd(data, end + 1)) }
}

/** @throws {MilterError} when it is not what its first octet says, or nothing that there is */
export function parseCommand({ code, data }: MilterFrame): Command {
  switch (code) {
    case COMMAND.header:
      return { kind: 'header', ...parseField(data) }
    case COMMAND.macros:
      return { kind: 'macros', command: data[0] ?? 0, macros: new Macros(data.subarray(1)) }
    case COMMAND.body:
      return { kind: 'body', data }
    case COMMAND.rcpt:
      return { kind: 'rcpt', ...parsePathCommand(data) }
    case COMMAND.mail:
      return { kind: 'mail', ...parsePathCommand(data) }
    case COMMAND.connect:
      return { kind: 'connect', ...parseConnect(data) }
    case COMMAND.helo:
      return { kind: 'helo', name: firstText(data) }
    case COMMAND.unknown:
      return { kind: 'unknown', command: firstText(data) }
    case COMMAND.options: {
      const { version, actions, steps } = parseOptions(data)
      return { kind: 'options', version, actions, steps }
    }
    case COMMAND.endOfMessage:
      return { kind: 'endOfMessage', data }
    default: {
      const kind = BARE.get(code)
      if (kind === undefined) throw new MilterError(`there is no command ${show(code)}`)
      return { kind }
    }
  }
}

/** The text of HELO, or of a verb that is not known. */
export function firstText(data: Buffer): string {
  return decode(data.subarray(0, textEnd(data, 0)))
}

type Bare = Extract<Command, { kind: 'data' | 'endOfHeader' | 'abort' | 'quit' | 'quitSession' }>['kind']

const BARE: ReadonlyMap<number, Bare> = new Map([
  [COMMAND.data, 'data'],
  [COMMAND.endOfHeader, 'endOfHeader'],
  [COMMAND.abort, 'abort'],
  [COMMAND.quit, 'quit'],
  [COMMAND.quitSession, 'quitSession'],
])

/** Shows the octet of a frame to an operator. */
export function show(code: number): string {
  return code > 0x20 && code < 0x7f ? `"${String.fromCharCode(code)}"` : `0x${code.toString(16).padStart(2, '0')}`
}

/** A command that a mail server says, but for `macros`. */
export type SaidCommand = Exclude<Command, { kind: 'macros' }>

/** Adds the frame of a command. NUL has no place in a text, and is left out. */
export function writeCommand(out: FrameWriter, command: SaidCommand): void {
  const code = COMMAND[command.kind]
  switch (command.kind) {
    case 'options':
      out.add(code, ...formatOptions(command))
      break
    case 'connect':
      out.add(code, ...connectParts(command))
      break
    case 'helo':
      out.add(code, text(command.name))
      break
    case 'unknown':
      out.add(code, text(command.command))
      break
    case 'mail':
    case 'rcpt':
      out.add(code, text(command.path), ...command.parameters.map(text))
      break
    case 'header':
      out.add(code, Buffer.from(command.name, 'latin1'), '\0', command.value, '\0')
      break
    case 'body':
    case 'endOfMessage':
      out.add(code, command.data)
      break
    default:
      out.add(code)
  }
}

/** Adds the macros of a command, named without braces; nothing when there are none. */
export function writeMacros(out: FrameWriter, command: number, macros: Iterable<readonly [string, string]>): void {
  const texts = [...macros].flatMap(([name, value]) => [text(macroName(name)), text(value)])
  if (texts.length > 0) out.add(COMMAND.macros, Uint8Array.of(command), ...texts)
}

function connectParts({ name, family, address, port }: Connect): readonly (string | Uint8Array)[] {
  const [octet = 0x55] = [...FAMILIES].find(([, known]) => known === family) ?? []
  if (family === 'unknown') return [text(name), Uint8Array.of(octet)]
  return [text(name), Uint8Array.of(octet, port >>> 8, port & 0xff), text(address)]
}

function text(value: string): string {
  return `${withoutNul(value)}\0`
}
