/** The fields by which mail says where complaints about it go, RFC 9477, and the token in them by which a complaint is laid to the mail though all addresses in it are blacked out. */
import type { TokenKeys } from '@postroad/options'
import type { Message } from '@postroad/plugin'
import type { SentMessage } from './sent.ts'

const PURPOSE = 'complaint'
/** The value may be folded; blanks in it are not of it. */
const FIELD = /^cfbl-feedback-id:((?:[^\r\n]|\r?\n[ \t])*)/gim
/** Fields of one report that are looked at. */
const TRIED = 5

/** What is put into a message. */
export interface LoopFields {
  /** Where complaints go. */
  readonly cfbl: string | undefined
  /** Names the sender to Gmail. */
  readonly feedbackId: string | undefined
  readonly keys: TokenKeys
}

/** The message with the fields, in the place of any that it had. */
export async function withLoopFields(
  message: Message,
  sent: SentMessage,
  { cfbl, feedbackId, keys }: LoopFields,
): Promise<Message> {
  let marked = message
  if (feedbackId !== undefined)
    marked = marked
      .withoutHeader('Feedback-ID')
      .withHeader('Feedback-ID', `${sent.from.replaceAll(/[^\w.@+-]/g, '_').replace('@', ':')}::${feedbackId}`)
  if (cfbl === undefined) return marked
  return marked
    .withoutHeader('CFBL-Address')
    .withoutHeader('CFBL-Feedback-ID')
    .withHeader('CFBL-Feedback-ID', await tokenOf(sent, keys))
    .withHeader('CFBL-Address', `${cfbl}; report=arf`)
}

/** The mail that a report brings back, by the header section of what it returns. RFC 9477 §3.4: the field comes back unchanged. */
export async function sentByField(text: string, keys: TokenKeys): Promise<SentMessage | undefined> {
  for (const [, value = ''] of [...text.matchAll(FIELD)].slice(0, TRIED)) {
    const [from, transaction, ...recipients] = (await keys.open(value.replaceAll(/\s+/g, ''), PURPOSE)) ?? []
    if (from !== undefined && transaction !== undefined) return { from, transaction, recipients }
  }
  return undefined
}

/** Of several recipients none is named: each would be told of the others. */
function tokenOf({ from, transaction, recipients }: SentMessage, keys: TokenKeys): Promise<string> {
  return keys.seal([from, transaction, ...(recipients.length === 1 ? recipients : [])], PURPOSE)
}
