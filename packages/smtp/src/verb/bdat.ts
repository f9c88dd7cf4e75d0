/** BDAT: the message in chunks of announced size, RFC 3030 §2. Whatever the answer, the octets of a chunk are read first. */
import type { Chunk, Conversation } from '../session/conversation.ts'
import type { WireTransaction } from '../session/transaction.ts'
import type { WireReply } from '../stages.ts'
import { FAILURE, isPositive, last, reply } from '../wire/reply.ts'
import { FAR_TOO_BIG, faultOf, finish, notReady, sayToAll } from './message.ts'

/** Without a size nobody knows where the next command begins. */
const SYNTAX = last(reply(501, '5.5.4', 'Syntax: BDAT size [LAST]'))
const MAIL_FIRST = reply(503, '5.5.1', 'Say MAIL first')
const TOO_SMALL = reply(421, '4.7.0', 'Too many small chunks, closing the connection')

/** Octets of a chunk that is hardly worth its reply, and how many of those a message may have. */
const SMALL = 512
const SMALL_CHUNKS = 1000
/** Chunks a client may have sent before it reads that no recipient was taken. */
const PIPELINED = 100

/** Reads the chunk, and answers it or the message. */
export function bdat(conversation: Conversation, argument: string) {
  const match = /^(\d{1,15})(?: +(LAST))?$/i.exec(argument)
  if (match === null) return conversation.refuse('BDAT', SYNTAX)
  const { transaction, settings } = conversation
  const size = Number(match[1])
  const isLast = match[2] !== undefined
  if ((transaction?.size ?? 0) + size > 2 * settings.limits.size) return conversation.refuse('BDAT', FAR_TOO_BIG)
  const refusal = notReady(conversation)
  if (transaction === undefined || refusal !== undefined)
    return conversation.beginChunk({ size, isLast, refusal: refusal ?? MAIL_FIRST })
  if (transaction.hasContent) return conversation.beginChunk({ size, isLast, refusal: undefined })
  conversation.answer(conversation.stages.data(), begin, { transaction, size, isLast })
}

function begin(
  conversation: Conversation,
  answer: WireReply | undefined,
  { transaction, size, isLast }: { transaction: WireTransaction; size: number; isLast: boolean },
) {
  // The stage is not asked again for the next chunk: a message without its begin would be taken.
  if (answer !== undefined)
    return conversation.beginChunk({ size, isLast, refusal: isPositive(answer) ? FAILURE : answer, isOver: true })
  transaction.begin(conversation.stages.content())
  const isText = transaction.parameters.body !== 'BINARYMIME'
  // RFC 3030 §3: BINARYMIME may have any octets; other content is text, whichever way it comes.
  conversation.input.decoder.start(
    isText
      ? { dots: false, normalise: conversation.settings.normalise, lineLimit: conversation.settings.limits.line }
      : { dots: false, isText },
  )
  conversation.watchContent()
  conversation.beginChunk({ size, isLast, refusal: undefined })
}

/** The last octet of the chunk has come. */
export function chunkEnd(conversation: Conversation, { size, isLast, refusal, isOver }: Chunk) {
  const { transaction } = conversation
  if (isOver && transaction !== undefined && refusal !== undefined)
    return refuseMessage(conversation, { transaction, refusal, isLast })
  if (refusal !== undefined)
    return refusal.code === 503 ? conversation.refuse('BDAT', refusal) : conversation.countFutile(refusal, PIPELINED)
  if (transaction === undefined) return conversation.refuse('BDAT', MAIL_FIRST)
  if (isLast) conversation.input.decoder.finish()
  const fault = faultOf(conversation, transaction)
  if (fault !== undefined) transaction.fail(fault)
  // RFC 3030 §2: a chunk that fails fails the message; those behind it are answered 503.
  if (isLast || transaction.failure !== undefined) finish(conversation, transaction, isLast)
  else if (size < SMALL && transaction.countSmallChunk() > SMALL_CHUNKS) conversation.refuse('BDAT', TOO_SMALL)
  else conversation.say(reply(250, '2.0.0', `${size} octets received`))
}

/** RFC 3030 §2: chunks behind this one are answered 503, until there is another MAIL. */
function refuseMessage(
  conversation: Conversation,
  { transaction, refusal, isLast }: { transaction: WireTransaction; refusal: WireReply; isLast: boolean },
) {
  if (isLast) sayToAll(conversation, transaction, refusal)
  else conversation.say(refusal)
  conversation.abandon()
}
