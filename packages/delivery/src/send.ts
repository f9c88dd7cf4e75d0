/** Brings one job to one server: as few transactions as its limits allow, and one more try where a kept connection was dead. */

import { type Job, type Outcome, outcomeKind, type Recipient, type Reply, type TlsOutcome } from '@postroad/mail'
import { ConnectError } from './client/connect-error.ts'
import { fit, isFit, unfitRecipient } from './client/fitness.ts'
import { localReply } from './client/reply.ts'
import type { Target } from './client/target.ts'
import { ClientTransaction, type Fate, isPositive } from './client/transaction.ts'
import { TimeUp } from './deadline.ts'
import type { Pool, PooledConnection } from './pool.ts'
import { retryHint } from './retry-hint.ts'

/** Recipients in one transaction: what RFC 5321 §4.5.3.1.8 promises that every server takes. */
const RECIPIENTS = 100
/** Characters of each of two replies that become one. */
const SAID = 900

/**
 * Sends the message to the job's recipients over a connection of the pool. Resolves to one outcome a recipient.
 *
 * @throws {ConnectError} when there is no connection and nothing has been decided
 */
export async function sendTo(pool: Pool, target: Target, job: Job): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let left = job.recipients
  while (left.length > 0) {
    const round = await nextRound(pool, target, { ...job, recipients: left }).catch((error: unknown) => {
      if (!(error instanceof ConnectError) || outcomes.length === 0) throw error
      return {
        outcomes: left.map((recipient) => toOutcome({ recipient, reply: error.reply, isUncertain: false }, {})),
        left: [],
      }
    })
    outcomes.push(...round.outcomes)
    left = round.left
  }
  return outcomes
}

/**
 * {@link sendTo} for one recipient over a connection that idles: nothing has to be waited for but the server, and an attempt can be stopped
 * without a signal. Undefined: it takes more than that, and nothing was done. `otherwise` goes on when there is no connection after all.
 */
export function sendAtOnce(
  pool: Pool,
  target: Target,
  { job, otherwise }: { readonly job: Job; readonly otherwise: () => Promise<readonly Outcome[]> },
): Promise<readonly Outcome[]> | undefined {
  const { recipients, unanswered } = job
  const [recipient] = recipients
  if (recipient === undefined || recipients.length > 1 || unanswered?.onStop === undefined) return undefined
  const pooled = pool.take(target)
  if (pooled === undefined) return undefined
  const { connection } = pooled
  if (!isFit(job, connection) || unfitRecipient(recipient, connection) !== undefined) {
    pooled.release()
    return undefined
  }
  const about = { remote: target.host, tls: connection.tls, hasDsn: connection.extensions.dsn }
  const begun = begin(pool, target, { job, pooled })
  const { transaction } = begun
  const stop = (): void => {
    if (transaction.isSent) unanswered.stay(() => cut(pooled))
    else cut(pooled)
  }
  return new Promise((resolve, reject) => {
    const told = (fates: readonly Fate[]): void => resolve(fates.map((fate) => toOutcome(fate, about)))
    if (unanswered.onStop?.(stop)) cut(pooled)
    transaction.start(job.message, recipients, (fates) => {
      unanswered.onStop?.(undefined)
      giveBack(pool, begun, { fates, log: job.log })
      if (!needsMore(begun)) return told(fates)
      const failed = (error: unknown): void =>
        error instanceof ConnectError ? void otherwise().then(resolve, reject) : reject(error)
      afterwards(pool, target, { job, first: begun, fates }).then(told, failed)
    })
  })
}

interface Round {
  readonly outcomes: Outcome[]
  readonly left: readonly Recipient[]
}

async function nextRound(pool: Pool, target: Target, job: Job): Promise<Round> {
  const pooled = await pool.acquire(target, job.signal)
  const { connection } = pooled
  const about = { remote: target.host, tls: connection.tls, hasDsn: connection.extensions.dsn }
  const made = fit(job, connection)
  const fitted = made instanceof Promise ? await made : made
  if (fitted.refusal !== undefined) {
    pooled.release()
    const { refusal } = fitted
    return {
      outcomes: job.recipients.map((recipient) => toOutcome({ recipient, reply: refusal, isUncertain: false }, about)),
      left: [],
    }
  }
  const { able, refused } = sortOut(job.recipients, pooled)
  const size = Math.min(RECIPIENTS, connection.extensions.maxRecipients ?? RECIPIENTS)
  const batch = able.slice(0, size)
  const rest = able.slice(size)
  if (batch.length === 0) pooled.release()
  const fates =
    batch.length === 0 ? [] : await transact(pool, target, { job: { ...fitted.job, recipients: batch }, pooled })
  const isTaken = fates.some((fate) => isPositive(fate.reply))
  const over = isTaken ? fates.filter(isOverLimit) : []
  const decided = fates.filter((fate) => !over.includes(fate))
  return {
    outcomes: [...refused, ...decided].map((fate) => toOutcome(fate, about)),
    left: [...over.map((fate) => fate.recipient), ...rest],
  }
}

function sortOut(
  recipients: readonly Recipient[],
  { connection }: PooledConnection,
): { able: Recipient[]; refused: Fate[] } {
  const able: Recipient[] = []
  const refused: Fate[] = []
  for (const recipient of recipients) {
    const reply = unfitRecipient(recipient, connection)
    if (reply === undefined) able.push(recipient)
    else refused.push({ recipient, reply, isUncertain: false })
  }
  return { able, refused }
}

/** One transaction; a second one on a new connection where a kept one was dead, or not welcome any more. */
async function transact(
  pool: Pool,
  target: Target,
  { job, pooled }: { readonly job: Job; readonly pooled: PooledConnection },
): Promise<readonly Fate[]> {
  const first = begin(pool, target, { job, pooled })
  const fates = await complete(pool, first, job)
  return needsMore(first) ? await afterwards(pool, target, { job, first, fates }) : fates
}

/** Another connection may do better, and nothing speaks against trying. */
function needsMore({ transaction: { chunkUnknown, wasStale }, pooled: { isReused } }: Begun): boolean {
  return chunkUnknown !== undefined || (wasStale && isReused)
}

async function afterwards(
  pool: Pool,
  target: Target,
  { job, first, fates }: { readonly job: Job; readonly first: Begun; readonly fates: readonly Fate[] },
): Promise<readonly Fate[]> {
  const { chunkUnknown, wasStale } = first.transaction
  if (chunkUnknown !== undefined) {
    pool.chunks.refuse(target)
    // Also when it is to stop: then it has no other connection, and what was said of BDAT must not become a bounce.
    if (fates.some((fate) => fate.reply === chunkUnknown))
      return await withoutChunk(pool, target, { job, fates, said: chunkUnknown })
  }
  if (!(wasStale && first.pooled.isReused) || job.signal.aborted) return fates
  const fresh = await freshConnection(pool, target, { signal: job.signal, stale: first.transaction }).catch(
    (error: unknown) => {
      // It may have been taken: no other host is to be asked.
      if (error instanceof ConnectError && fates.some((fate) => fate.isUncertain)) return undefined
      throw error
    },
  )
  if (fresh === undefined) return fates
  if ('code' in fresh) return job.recipients.map((recipient) => ({ recipient, reply: fresh, isUncertain: false }))
  return await complete(pool, begin(pool, target, { job, pooled: fresh }), job)
}

/** RFC 5321 §4.2.2: 500 was about BDAT, and no word about the mail. By DATA, on another connection: on that one text may have been read as commands. */
async function withoutChunk(
  pool: Pool,
  target: Target,
  { job, fates, said }: { readonly job: Job; readonly fates: readonly Fate[]; readonly said: Reply },
): Promise<readonly Fate[]> {
  const open = fates.filter((fate) => fate.reply === said).map((fate) => fate.recipient)
  let again: readonly Fate[]
  try {
    const pooled = await pool.fresh(target, job.signal)
    const rest = { ...job, recipients: open }
    again = await complete(pool, begin(pool, target, { job: rest, pooled }), rest)
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error
    again = open.map((recipient) => ({ recipient, reply: unwelcome(said, error.reply), isUncertain: false }))
  }
  return fates.map((fate) => again.find(({ recipient }) => recipient === fate.recipient) ?? fate)
}

function begin(
  pool: Pool,
  target: Target,
  { job: { from, parameters, message, recipients }, pooled }: { readonly job: Job; readonly pooled: PooledConnection },
): Begun {
  const transaction = new ClientTransaction(pooled.connection, {
    from,
    parameters,
    size: message.size,
    timeouts: pool.timeouts,
    mayChunk: pool.chunks.has(target, pooled.connection),
  })
  return { pooled, transaction, recipients }
}

/**
 * A connection in place of one that was stale; where there is none to be had, what the server had said on the stale one, and why
 * it came to no other.
 *
 * @throws {ConnectError} when the server had said nothing
 */
export async function freshConnection(
  pool: Pool,
  target: Target,
  { signal, stale: { answerToMail } }: { readonly signal: AbortSignal; readonly stale: ClientTransaction },
): Promise<PooledConnection | Reply> {
  try {
    return await pool.fresh(target, signal)
  } catch (error) {
    if (!(error instanceof ConnectError) || answerToMail === undefined) throw error
    return unwelcome(answerToMail, error.reply)
  }
}

/** Both belong to one another: why it was not taken here, and why it was not asked anew. Never for good, 503 was about the connection. */
function unwelcome({ code, status, text }: Reply, { text: why }: Reply): Reply {
  const said = text.slice(0, SAID)
  const both = (words: string) => `${words} (and then no new connection: ${why.slice(0, SAID)})`
  if (code >= 500) return localReply(451, '4.5.0', both(`${code} ${said}`))
  return { code, ...(status !== undefined && { status }), text: both(said) }
}

/** A transaction that only lacks its message, and perhaps recipients. */
export interface Begun {
  readonly pooled: PooledConnection
  readonly transaction: ClientTransaction
  readonly recipients?: readonly Recipient[]
}

/** Sends the message, and gives the connection back. */
export async function complete(
  pool: Pool,
  { pooled, transaction, recipients }: Begun,
  { message, signal, log, unanswered }: Job,
): Promise<readonly Fate[]> {
  const abort = () => {
    // RFC 5321 §4.5.3.2.6: all is said, and the answer has ten minutes of its own; to leave now makes duplicates.
    if (transaction.isSent && unanswered !== undefined) unanswered.stay(() => cut(pooled))
    else if (!transaction.isSent || !(signal.reason instanceof TimeUp)) cut(pooled)
  }
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  const fates = await transaction.send(message, recipients)
  signal.removeEventListener('abort', abort)
  giveBack(pool, { pooled, transaction }, { fates, log })
  return fates
}

function cut({ connection }: PooledConnection): void {
  connection.destroy(localReply(451, '4.3.2', 'Given up'))
}

/** What every transaction ends with. */
function giveBack(
  pool: Pool,
  { pooled, transaction }: Begun,
  { fates, log }: { readonly fates: readonly Fate[]; readonly log: Job['log'] },
): void {
  if (transaction.readError !== undefined) log?.warn({ error: transaction.readError }, 'the message could not be read')
  if (fates.some((fate) => fate.isUncertain)) pool.uncertain++
  pooled.release(transaction.needsReset)
}

/** RFC 5321 §4.5.3.1.10: too many recipients for one transaction is no fate, and 552 is read as 452. */
function isOverLimit({ reply: { code, status } }: Fate): boolean {
  return status === '4.5.3' || status === '5.5.3' || (status === undefined && (code === 452 || code === 552))
}

/** What an outcome says of the server besides the reply. */
export interface About {
  readonly remote?: string | undefined
  readonly tls?: TlsOutcome | undefined
  readonly hasDsn?: boolean
}

/** The outcome of a fate. */
export function toOutcome({ recipient, reply, isUncertain }: Fate, about: About): Outcome {
  const kind = outcomeKind(reply.code)
  const retryAfterMs = kind === 'deferred' ? retryHint(reply.text) : undefined
  return {
    recipient,
    kind,
    reply,
    ...(about.remote !== undefined && { remote: about.remote }),
    ...(about.tls !== undefined && { tls: about.tls }),
    ...(about.hasDsn && kind === 'delivered' && { dsnRelayed: true }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(isUncertain && { uncertain: true }),
  }
}

/** Makes the same outcome for all recipients. */
export function sameForAll(recipients: readonly Recipient[], kind: Outcome['kind'], reply: Reply): Outcome[] {
  return recipients.map((recipient) => ({ recipient, kind, reply }))
}
