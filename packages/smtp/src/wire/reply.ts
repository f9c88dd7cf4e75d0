/** Turns replies into the octets of the wire: code, enhanced status, one or more lines; never anything a foreign text could add. */
import type { WireReply } from '../stages.ts'

/** RFC 5321 §4.5.3.1.5: a reply line has at most 512 octets with code and CRLF; this leaves room for both. */
const LINE = 450
/** More lines than this no client needs. */
const LINES = 100
/** Nor more octets of text in one reply: what strangers wrote (a next hop, a filter, a record in DNS) is not passed on without end. */
const TEXT = 9_000
const UNSAFE = /[^\x20-\x7e]/
const CONTROLS = /[\x00-\x1f\x7f]+/g
const FOREIGN = /[^\x20-\x7e]/g
const STATUS = /^[245]\.\d{1,3}\.\d{1,3}$/

/** What is said when a stage threw, rejected or answered with nothing usable: RFC 3463 §3.4, X.3.0. */
export const FAILURE: WireReply = Object.freeze({
  code: 451,
  status: '4.3.0',
  text: 'Temporary failure, try again later',
})

/** Makes a frozen reply; short for the many constants of the protocol. */
export function reply(code: number, status: string | undefined, text: string | readonly string[]): WireReply {
  return Object.freeze({ code, status, text })
}

/** The same reply, after which the connection closes. */
export function last(answer: WireReply): WireReply {
  return answer.disconnect ? answer : { ...answer, disconnect: true }
}

/** Whether a reply is a 2yz, RFC 5321 §4.2.1. */
export function isPositive(answer: WireReply): boolean {
  return answer.code >= 200 && answer.code < 300
}

/**
 * The reply as it goes over the wire, ASCII, with its CRLF. 2yz, 4yz and 5yz have an enhanced status on every line, RFC 2034 §4;
 * one that is missing or of another class than the code is put right.
 */
export function formatReply(answer: WireReply): string {
  const { code, text } = answer
  if (!Number.isInteger(code) || code < 200 || code > 599) return formatReply(FAILURE)
  const status = code >= 300 && code < 400 ? '' : `${statusFor(code, answer.status)} `
  if (answer.id === undefined && typeof text === 'string' && text.length <= LINE && !UNSAFE.test(text))
    return `${code} ${status}${text}\r\n`
  return formatLines(code, status, linesOf(answer))
}

/** The banner and replies to HELO and EHLO: these have no enhanced status, RFC 2034 §4. */
export function formatPlain(answer: WireReply): string {
  return formatLines(answer.code, '', linesOf(answer))
}

/** The lines of its text, the last one with the id of what is refused, if it has one: `Relaying denied (id 01K9…1)`. */
export function linesOf({ code, text, id }: WireReply): readonly string[] {
  const lines = typeof text === 'string' ? [text] : text
  if (id === undefined || code < 400) return lines
  const end = lines[lines.length - 1] ?? ''
  return [...lines.slice(0, -1), `${end === '' ? '' : `${end} `}(id ${id})`]
}

function statusFor(code: number, status: string | undefined): string {
  const group = code < 300 ? '2' : code < 500 ? '4' : '5'
  if (status === undefined || !STATUS.test(status)) return `${group}.0.0`
  // RFC 2034 §4: the first digits of code and status are the same.
  return status.startsWith(group) ? status : group + status.slice(1)
}

function formatLines(code: number, status: string, lines: readonly string[]): string {
  const parts: string[] = []
  for (const line of lines) fold(String(line), parts)
  if (parts.length === 0) parts.push('')
  const end = Math.min(parts.length, LINES) - 1
  let out = ''
  let octets = 0
  for (let i = 0; i < end; i++) {
    octets += parts[i]?.length ?? 0
    if (octets > TEXT) return `${out}${code} ${status}${parts[i]}\r\n`
    out += `${code}-${status}${parts[i]}\r\n`
  }
  return `${out}${code} ${status}${parts[end]}\r\n`
}

/** Adds the line in pieces that fit, broken at spaces where there are any. */
function fold(line: string, parts: string[]): void {
  if (line.length <= LINE && !UNSAFE.test(line)) {
    parts.push(line)
    return
  }
  let rest = line
    .slice(0, LINE * LINES)
    .replace(CONTROLS, ' ')
    .replace(FOREIGN, '?')
  while (rest.length > LINE && parts.length < LINES) {
    const space = rest.lastIndexOf(' ', LINE)
    const cut = space > LINE / 2 ? space : LINE
    parts.push(rest.slice(0, cut))
    rest = rest.slice(space > LINE / 2 ? cut + 1 : cut)
  }
  parts.push(rest)
}
