/** Header fields as they are sent: encoded where they must be, and folded where that changes nothing. RFC 5322 §2.2.3, RFC 2047, RFC 6532. */
import { isAtext } from '@postroad/mail'
import { encodeWord } from 'nodemailer/lib/mime-funcs'
import type { NamedMailbox } from './mailbox.ts'

/** RFC 5322 §2.1.1: characters that a line should have at most. */
const SHOULD = 78
/** And must have. */
export const MUST = 998

/** A field whose value is text for people. */
export function textField(name: string, value: string): string {
  return folded(name, isPlain(value) ? value : encoded(value))
}

/** A field of mailboxes. */
export function addressField(name: string, mailboxes: readonly NamedMailbox[]): string {
  return folded(name, mailboxes.map(shown).join(', '))
}

/** A field whose value has a grammar of its own; text that is not ASCII stays as it is, RFC 6532. */
export function plainField(name: string, value: string): string {
  return folded(name, value)
}

function shown({ name, address }: NamedMailbox): string {
  if (name === '') return address.toString()
  return `${phrase(name)} <${address}>`
}

function phrase(name: string): string {
  if (!isPlain(name)) return encoded(name)
  for (const character of name) if (character !== ' ' && !isAtext(character.charCodeAt(0))) return quoted(name)
  return name
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

/** Words of at most 75 characters, each whole by itself, RFC 2047 §2. */
function encoded(text: string): string {
  return encodeWord(text, 'Q', 52)
}

/** ASCII, and nothing a reader would take for an encoded word. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7e) return false
  return !text.includes('=?')
}

/** Lines break at blanks alone: a long address of a web page stays whole, and so does what is signed. */
function folded(name: string, value: string): string {
  const whole = `${name}: ${value}`
  if (whole.length <= SHOULD) return `${whole}\r\n`
  let [lines, line] = ['', `${name}:`]
  for (const word of value.split(/ (?=[^ ])/)) {
    if (line.length + 1 + word.length > SHOULD && line.trim() !== '' && line !== `${name}:`) {
      lines += `${line}\r\n`
      line = ''
    }
    line += ` ${word}`
  }
  return `${lines}${line}\r\n`
}
