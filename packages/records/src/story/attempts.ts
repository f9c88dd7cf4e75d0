/** Which transactions are attempts at one mail. Most clients come back from where they were; large senders from another network of theirs. */
import { listOf, refusedOf, type StoredRecord, timeOf } from '../record.ts'
import type { RecordSource } from '../source.ts'
import { networkWord } from '../words.ts'
import { outcomeOf } from './outcome.ts'

/** What is known. */
export interface MailAttempts {
  /** Of one mail, oldest first; the given one is among them. */
  readonly own: readonly StoredRecord[]
  /** The same sender and recipient from a network that nothing says to be one with ours: before, and was refused for now; or after, when ours has not come through. */
  readonly before?: StoredRecord | undefined
  readonly after?: StoredRecord | undefined
}

/** How long a sender may take to come back: RFC 5321 §4.5.4.1 speaks of four to five days. */
const PATIENCE = 5 * 86_400_000
/** The same from another network; a mail of the next day is another one. */
const WANDERING = 6 * 3_600_000
/** Records that a story has. */
const MOST = 100

/** Finds the attempts of the mail of a transaction. */
export async function attemptsOf(source: RecordSource, own: StoredRecord): Promise<MailAttempts> {
  const at = timeOf(own)
  const network = own.remote === undefined ? undefined : networkWord(own.remote)
  const [to] = addressed(own)
  const sender = own.from === '' || own.from === undefined ? undefined : own.from
  if (own.event !== 'transaction' || network === undefined || to === undefined) return { own: [own] }
  const found = await source.find({
    // The null reverse-path is everybody's: there the network has to be the same.
    wanted: [[to.toLowerCase()], sender === undefined ? [network] : [sender.toLowerCase()]],
    from: at - PATIENCE,
    to: at + PATIENCE,
    limit: MOST,
    accepts: (one) =>
      one.event === 'transaction' &&
      one.from === own.from &&
      addressed(one).some((each) => addressed(own).includes(each)),
  })
  const all = [...new Map([...found, own].map((one) => [one.id, one])).values()].sort(
    (one, other) => timeOf(one) - timeOf(other),
  )
  const list = chain(
    all.filter((one) => isKin(one, own)),
    own,
  )
  return { own: list, ...strangers(all.filter((one) => !isKin(one, own)), list) } // biome-ignore format: short
}

function chain(kin: readonly StoredRecord[], own: StoredRecord): readonly StoredRecord[] {
  const place = kin.findIndex(({ id }) => id === own.id)
  let [first, last] = [place, place]
  // Back to the first attempt after the last mail that came through, and on to the one that does.
  while (first > 0 && goesOn(kin[first - 1]) && isSame(kin[first - 1], own)) first--
  while (last < kin.length - 1 && goesOn(kin[last]) && isSame(kin[last + 1], own)) last++
  return kin.slice(first, last + 1)
}

/** Of those nobody knows whether they are attempts at this mail; that they were there is worth a word. */
function strangers(others: readonly StoredRecord[], list: readonly StoredRecord[]): Omit<MailAttempts, 'own'> {
  const [first, last] = [list[0], list.at(-1)]
  if (!first || !last) return {}
  const gap = (one: StoredRecord, than: StoredRecord): number => timeOf(one) - timeOf(than)
  const isNear = (ms: number): boolean => ms > 0 && ms <= WANDERING
  const before = others.findLast((one) => isNear(gap(first, one)))
  const after = goesOn(last) ? others.find((one) => isNear(gap(one, last))) : undefined
  return {
    ...(before && goesOn(before) && isSame(before, first) && { before }),
    ...(after && isSame(after, last) && { after }),
  }
}

/** The same network; or another one, and the same mail by its Message-ID, or the same sender's by SPF. */
function isKin(one: StoredRecord, own: StoredRecord): boolean {
  if (isOneNetwork(one, own)) return true
  if (Math.abs(timeOf(one) - timeOf(own)) > WANDERING) return false
  return (one.messageId !== undefined && one.messageId === own.messageId) || (isAuthorised(one) && isAuthorised(own))
}

/** Whether two clients are of one network, as greylisting counts them: /24, /64. */
export function isOneNetwork(one: StoredRecord, other: StoredRecord): boolean {
  return one.remote !== undefined && other.remote !== undefined && networkWord(one.remote) === networkWord(other.remote)
}

/** Whether the domain of the reverse-path has named that client, so that nobody else can have come with it. */
function isAuthorised({ facts }: StoredRecord): boolean {
  const spf = (facts as { readonly spf?: { readonly mailFrom?: { readonly result?: unknown } } } | undefined)?.spf // foreign: looked at here
  return spf?.mailFrom?.result === 'pass'
}

function addressed(record: StoredRecord): readonly string[] {
  return [...listOf(record.to), ...refusedOf(record).map(({ to }) => to)]
}

/** Whether the client is expected to come again. */
function goesOn(record: StoredRecord | undefined): boolean {
  if (!record) return false
  const outcome = outcomeOf(record)
  return outcome === 'deferred' || outcome === 'left' || refusedOf(record).some(({ reply }) => reply.startsWith('4'))
}

function isSame(one: StoredRecord | undefined, other: StoredRecord): boolean {
  return one?.messageId === undefined || other.messageId === undefined || one.messageId === other.messageId
}
