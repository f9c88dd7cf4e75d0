/** Bounces in words alone, as qmail, old Exims and gateways write them: believed only where a reply of a server stands in them. */
import type { Message } from '@postroad/plugin'
import { plainAddress } from './address.ts'
import { replyIn } from './reply.ts'
import type { MailReport, ReportedRecipient } from './report.ts'

/** Characters of a text that are looked at. */
const LOOKED = 16_000
/** Recipients in words; who has more writes it in a better way. */
const MOST = 50
const SENDER = /^(?:mailer-daemon|postmaster|mailerdaemon|mail-daemon)$/i
/** qmail's own: "Hi. This is the qmail-send program at …", QSBMF. */
const QMAIL = /^\s*Hi\. This is the /

/** Whether a mail that came with the null reverse-path, or from a mailer, can be a bounce in words: what answers for a person is none. */
export function isFromMailer({ headers, from }: Message): boolean {
  if (headers.has('X-Failed-Recipients')) return true
  const auto = headers.get('Auto-Submitted')?.toLowerCase() ?? ''
  if (auto.startsWith('auto-replied')) return false
  return from.some(({ address, name, text }) => SENDER.test(address?.local ?? name ?? text))
}

/** Undefined when no server's reply is in it: a guess would be worse than nothing. */
export function readText(text: string, message: Message): Pick<MailReport, 'recipients' | 'isTruncated'> | undefined {
  const looked = text.slice(0, LOOKED)
  const failed = headers(message)
  const recipients = QMAIL.test(looked) ? paragraphs(looked) : whole(looked, failed)
  return recipients.length === 0 ? undefined : { recipients, isTruncated: false }
}

function headers(message: Message): readonly string[] {
  return (message.headers.get('X-Failed-Recipients') ?? '').split(',', MOST).filter((one) => one.trim() !== '')
}

/** A paragraph a recipient: `<user@example.com>:` and what is said of it. */
function paragraphs(text: string): ReportedRecipient[] {
  return text
    .split(/\r?\n\r?\n/)
    .filter((paragraph) => paragraph.trimStart().startsWith('<'))
    .slice(0, MOST)
    .flatMap((paragraph) => {
      const reply = replyIn(paragraph)
      const final = plainAddress(paragraph.slice(0, paragraph.indexOf('\n')))
      return reply ? [{ kind: kindOf(reply.code), original: undefined, final, reply }] : []
    })
}

function whole(text: string, failed: readonly string[]): ReportedRecipient[] {
  const reply = replyIn(text)
  if (!reply) return []
  const named = failed.length === 0 ? [undefined] : failed.map(plainAddress)
  return named.map((final) => ({ kind: kindOf(reply.code), original: undefined, final, reply }))
}

function kindOf(code: number): 'failed' | 'delayed' {
  return code >= 500 ? 'failed' : 'delayed'
}
