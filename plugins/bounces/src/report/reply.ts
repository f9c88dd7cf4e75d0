/** Replies within reports: what the server in question has said, as somebody else has written it down. */
import type { Reply } from '@postroad/plugin'

/** Characters of a reply that are kept. */
const TEXT = 500
const REPLY = /(?:^|[\s:"'(<])([45]\d\d)[ -]+(?:#?([45]\.\d{1,3}\.\d{1,3})[\s:-]*)?/

/**
 * A reply with its code out of free text: after what a report writes before it (`host mx.example.com said:`). Undefined when there is none.
 *
 * @example replyIn('host mx.example.com[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command)')
 */
export function replyIn(text: string): Reply | undefined {
  const looked = text.slice(0, 4_000)
  const said = looked.lastIndexOf('said: ')
  const from = said < 0 ? 0 : said + 5
  const found = REPLY.exec(looked.slice(from))
  if (!found) return undefined
  const [all, code = '', status] = found
  // What follows an empty line is another thing: words of the mailer, or what is returned.
  const [rest = ''] = looked.slice(from + found.index + all.length).split(/\n[ \t]*\r?\n/, 1)
  const own = rest.replace(/\s*\(in reply to [^)]*\)\s*$/, '')
  return { code: Number(code), ...(status !== undefined && { status }), text: tidy(own, code) }
}

/**
 * A reply of a Diagnostic-Code and a Status, RFC 3464 §2.3.4, §2.3.6. The code of the reply goes before that of the status; a status that says
 * nothing (`5.0.0`) before none.
 */
export function replyOf(diagnostic: string | undefined, written: string | undefined): Reply | undefined {
  const status = /[245]\.\d{1,3}\.\d{1,3}/.exec(written?.slice(0, 100) ?? '')?.[0]
  const words = diagnostic?.replace(/^\s*[\w-]{1,20}\s*;\s*/, '') ?? ''
  const said = replyIn(words)
  if (said) return said.status !== undefined || status === undefined || isVague(status) ? said : { ...said, status }
  if (status === undefined) return undefined
  // Codes that say nothing by themselves: nobody has said one.
  return { code: status.startsWith('4') ? 451 : 554, status, text: tidy(words, '') }
}

/** `5.0.0` says no more than the code, RFC 3463 §3.1. */
function isVague(status: string): boolean {
  return status.endsWith('.0.0')
}

/** One line, without the code and status that lines of a reply begin with. */
function tidy(text: string, code: string): string {
  const line = text.slice(0, TEXT * 2).replace(/[\s\x00-\x1f\x7f]+/g, ' ')
  const again =
    code === '' ? line : line.replaceAll(new RegExp(` ${code}[ -](?:[45]\\.\\d{1,3}\\.\\d{1,3} )?`, 'g'), ' ')
  return again.trim().slice(0, TEXT)
}
