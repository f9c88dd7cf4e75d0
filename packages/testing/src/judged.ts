/** What a server that only judges has said of a message, as tests look at it. */
import assert from 'node:assert/strict'
import type { HeaderEdit } from '@postroad/mail'
import type { EnvelopeDifference, JudgingStages, WireReply } from '@postroad/smtp'
import { shownReply } from './reply.ts'

/** How a client, or a server that asks, speaks to the server under test. */
export type TestProtocol = 'smtp' | 'lmtp' | 'milter' | 'policy'

/** One judgement. */
export interface JudgedMessage {
  readonly outcome: 'pass' | 'refuse' | 'quarantine' | 'discard'
  /** At `refuse`. */
  readonly reply: WireReply | undefined
  /** At `quarantine` and `discard`; else empty. */
  readonly reason: string
  /** The header first, from the top to the bottom: `Name: value` is new, `~Name: value` was changed, `-Name` is gone; then `another body`. */
  readonly edits: readonly string[]
  /** The octets of another body; undefined while it is as it came. */
  readonly body: Uint8Array | undefined
  readonly envelope: JudgedEnvelope
}

/** What was changed of the envelope; each left out while it is as the client said. */
export interface JudgedEnvelope {
  /** The new reverse-path; `<>` is the null one. */
  readonly from?: string
  readonly add?: readonly string[]
  readonly remove?: readonly string[]
}

/** Of a `milter` or `policy` the other end is a server, which takes responsibility. */
export function isJudging(protocol: TestProtocol): protocol is 'milter' | 'policy' {
  return protocol === 'milter' || protocol === 'policy'
}

/** What a server says to its client when the filter it asks has not refused. */
const TAKEN: WireReply = { code: 250, status: '2.0.0', text: 'Ok' }

/** Asks for the judgement and notes it; `heard` is the reply that the client of the server that asks hears. */
export async function judgeOn(
  stages: JudgingStages,
  judgements: JudgedMessage[],
): Promise<{ readonly judged: JudgedMessage; readonly heard: WireReply }> {
  const judgement = await stages.judge()
  try {
    const { outcome, reply, reason = '', edits, envelope } = judgement
    const body = edits?.body && (await octets(edits.body()))
    const headers = (edits?.headers ?? []).map(fieldOf).toReversed()
    const judged: JudgedMessage = {
      outcome,
      reply,
      reason,
      edits: body ? [...headers, 'another body'] : headers,
      body,
      envelope: envelope ? shownEnvelope(envelope) : {},
    }
    judgements.push(judged)
    return { judged, heard: reply ?? TAKEN }
  } finally {
    judgement.dispose()
  }
}

/** @throws {AssertionError} where the last judgement is not the one expected */
export function assertOutcome(judged: JudgedMessage, outcome: JudgedMessage['outcome'], reason?: RegExp): void {
  assert.equal(judged.outcome, outcome, `the outcome, ${shownJudged(judged)}`)
  if (reason) assert.match(judged.reason, reason, `the reason, ${shownJudged(judged)}`)
}

/** A text is the whole edit; a pattern is found in it. */
export function assertEdits({ edits }: JudgedMessage, wanted: readonly (string | RegExp)[]): void {
  const fits =
    edits.length === wanted.length &&
    wanted.every((one, index) => (typeof one === 'string' ? one === edits[index] : one.test(edits[index] ?? '')))
  if (!fits) assert.deepEqual(edits, wanted, 'the edits of the message')
}

/** Exactly these: what is left out must be as the client said. */
export function assertEnvelope({ envelope }: JudgedMessage, wanted: JudgedEnvelope): void {
  assert.deepEqual(envelope, wanted, 'the edits of the envelope')
}

/** The session's last judgement, or a sentence that says why there is none. */
export function mustBeJudged(
  judged: JudgedMessage | undefined,
  { protocol, last }: { readonly protocol: TestProtocol; readonly last: string },
): JudgedMessage {
  if (judged) return judged
  if (isJudging(protocol)) return assert.fail(`nothing was judged: the session did not come to its data; ${last}`)
  return assert.fail(
    `a server that speaks ${protocol} takes mail, and judges it for nobody: give the server protocol: 'milter', or look at what was delivered`,
  )
}

/** The sentence for those who look for mail where none arrives; undefined where it may. */
export function notTaken(protocol: TestProtocol): string | undefined {
  return isJudging(protocol)
    ? `nothing is routed, delivered or set aside where another server takes the mail (protocol: '${protocol}'): expect the outcome, the edits or the envelope`
    : undefined
}

function shownJudged({ outcome, reason, reply }: JudgedMessage): string {
  return `${outcome}${reason && `: ${reason}`}${reply ? `: ${shownReply(reply)}` : ''}`
}

function fieldOf(edit: HeaderEdit): string {
  if (edit.kind === 'delete') return `-${edit.name}`
  const text = Buffer.from(edit.raw).toString().trimEnd()
  return edit.kind === 'change' ? `~${text}` : text
}

function shownEnvelope({ from, add, remove }: EnvelopeDifference): JudgedEnvelope {
  return {
    ...(from !== undefined && { from: from === null ? '<>' : from.toString() }),
    ...(add.length > 0 && { add: add.map(({ address }) => address.toString()) }),
    ...(remove.length > 0 && { remove: remove.map(String) }),
  }
}

async function octets(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
