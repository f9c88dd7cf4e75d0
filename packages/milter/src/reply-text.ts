/** The text of `reply`: `550 5.7.1 Not wanted`, lines joined by CRLF, each with the code. */
import { MilterError } from './errors.ts'

/** A reply of a filter, which the mail server is to say. */
export interface MilterReply {
  /** 400 to 599. */
  readonly code: number
  /** Enhanced status, RFC 2034; of the class of the code. */
  readonly status?: string
  /** One element a line, without code and status. */
  readonly lines: readonly string[]
}

/** libmilter takes no more, and no longer lines. */
const LINES = 32
const LINE = 980
const STATUS = /^([45]\.\d{1,3}\.\d{1,3})(?: |$)/

/**
 * The text of a frame. A percent sign is doubled: Sendmail takes the text as a format, and Postfix makes one of two, and none of one. What is
 * not printable ASCII has no place in it.
 */
export function formatReplyText({ code, status, lines }: MilterReply): string {
  const shown = lines.length === 0 ? [''] : lines.slice(0, LINES)
  const end = shown.length - 1
  return shown
    .map((line, index) => {
      const said = line
        .slice(0, LINE)
        .replace(/[^\x20-\x7e]/g, '?')
        .replaceAll('%', '%%')
      return `${code}${index < end ? '-' : ' '}${status === undefined ? '' : `${status} `}${said}`
    })
    .join('\r\n')
}

/**
 * What a filter meant: `%%` is one percent sign, and single ones stay. Lines without a code go on with the line before.
 *
 * @throws {MilterError} when it does not begin with 4yz or 5yz, or two lines have two codes
 */
export function parseReplyText(text: string): MilterReply {
  const code = /^[45]\d\d(?:[ -]|$)/.test(text.slice(0, 4)) ? Number(text.slice(0, 3)) : undefined
  if (code === undefined) throw new MilterError(`a reply without a code: ${JSON.stringify(text.slice(0, 40))}`)
  let status: string | undefined
  const lines = text.split(/\r?\n/).map((line) => {
    const own = /^[2-5]\d\d(?=[ -]|$)/.exec(line)?.[0]
    if (own !== undefined && Number(own) !== code) throw new MilterError(`a reply of two codes: ${code} and ${own}`)
    const rest = own === undefined ? line : line.slice(4)
    const found = STATUS.exec(rest)
    // RFC 2034 §4: the first digits of code and status are the same.
    if (found?.[1] === undefined || found[1][0] !== String(code)[0]) return rest.replaceAll('%%', '%')
    status ??= found[1]
    return rest.slice(found[0].length).replaceAll('%%', '%')
  })
  return { code, ...(status !== undefined && { status }), lines }
}
