/** Where two roles may say different things, and why. */
import type { Dialogue, Letter } from './dialogue.ts'
import type { Heard, Role } from './leg.ts'

/** A reason for which a server that asks says something else than ours does; who reads the table of a run sees how often it held. */
export type Reason = (typeof REASONS)[keyof typeof REASONS]

export const REASONS = {
  relay: 'Postfix refuses to relay before it asks anybody: 554 5.7.1',
  split:
    'a message is held or marked for some of its recipients here; Postfix has one message, so the client is told to send one at a time: 4.5.3',
  deferral: 'policy: DEFER_IF_PERMIT has the code 450 whatever was said',
  corrected: 'policy: Postfix makes the status of a sender (x.1.7, x.1.8) one of a recipient (x.1.3, x.1.2) at RCPT',
  asked: 'policy: Postfix asks first at RCPT, so connect, HELO and MAIL are refused there',
  summed: 'policy: points are summed up at DATA, before 354',
  hangUp: 'policy: a refusal that hangs up is 521 or 421',
  closed: 'milter: a refusal that hangs up is 521 or 421, with the same status',
  banner: 'milter: Postfix has its own reply for a refusal at connect, 421 or 521 and no status',
  hello: 'milter: Postfix answers EHLO with 250, and MAIL with what was refused there',
} as const

/** One stage at which two roles differ; without a reason it is a fault. */
export interface Difference {
  readonly dialogue: number
  readonly stage: string
  readonly mta: string
  readonly other: string
  readonly reason?: Reason
}

/** Code and enhanced status of a reply, and what became of the message, which is what has to be the same; the texts are Postfix' own. */
export function answerOf({ reply, hungUp, fate }: Pick<Heard, 'reply' | 'hungUp' | 'fate'>): string {
  const [, code = 'nothing', status = ''] = /^(\d{3})(?: (\d\.\d+\.\d+))?/.exec(reply) ?? []
  return `${code}${status && ` ${status}`}${hungUp ? ', hung up' : ''}${fate ? `, ${fate}` : ''}`
}

/** Compares what was heard of our server with what was heard of one that asks it, stage by stage. */
export function differences(dialogue: Dialogue, heard: Both): readonly Difference[] {
  const found: Difference[] = []
  // What one of them does not reach is a consequence of the difference before it.
  let before: Difference | undefined
  for (const stage of stagesOf(heard)) {
    const [ours, theirs] = [at(heard.mta, stage), at(heard.other, stage)]
    const said = { mta: ours ? answerOf(ours) : NOT_REACHED, other: theirs ? answerOf(theirs) : NOT_REACHED }
    if (said.mta === said.other) continue
    const reason =
      reasonFor(dialogue, { ...heard, stage, ours, theirs }) ?? (ours && theirs ? undefined : before?.reason)
    before = { dialogue: dialogue.index, stage, ...said, ...(reason !== undefined && { reason }) }
    found.push(before)
  }
  return found
}

const NOT_REACHED = 'not reached'

/** One dialogue in two roles. */
interface Both {
  readonly mta: readonly Heard[]
  readonly other: readonly Heard[]
  readonly role: Exclude<Role, 'mta'>
}

interface Place extends Both {
  readonly stage: string
  readonly ours: Heard | undefined
  readonly theirs: Heard | undefined
}

const at = (heard: readonly Heard[], stage: string): Heard | undefined => heard.find((one) => stageOf(one) === stage)

/** In the order of the session, whoever reached them. */
function stagesOf({ mta, other }: Both): readonly string[] {
  const order = ['MAIL', 'RCPT', 'DATA', 'end']
  const rank = (stage: string): number => order.indexOf(stage.split(' ')[1] ?? '')
  const letterOf = (stage: string): number => (/^\d/.test(stage) ? Number.parseInt(stage, 10) : -1)
  const stages = [...new Set([...mta, ...other].map(stageOf))]
  return stages.sort((a, b) => letterOf(a) - letterOf(b) || rank(a) - rank(b) || 0)
}

function reasonFor(dialogue: Dialogue, place: Place): Reason | undefined {
  const { stage, theirs, role } = place
  const [, letter = '', recipient = ''] = /^(\d+) (?:RCPT (\d+))?/.exec(stage) ?? []
  const sent = dialogue.letters[Number(letter || -1)]
  const to = sent?.to ?? []
  if (!theirs) return undefined
  if (to[Number(recipient || -1)]?.endsWith('@elsewhere.test') && answerOf(theirs) === '554 5.7.1') return REASONS.relay
  if (sent && isSplit(sent, place)) return REASONS.split
  return role === 'milter' ? reasonOfMilter(place) : reasonOfPolicy(place)
}

/** Only a rule of one of several recipients makes that. */
function isSplit({ to, subject }: Letter, { theirs, ours, role }: Place): boolean {
  const isOdd = (subject === 'hold for some' || to.some((one) => /^odd/.test(one))) && new Set(to).size > 1
  const isTaken = ours !== undefined && /^[23]/.test(ours.reply)
  const where = role === 'milter' ? 'end' : 'DATA'
  return isOdd && isTaken && theirs?.at === where && partsOf(theirs).status === '4.5.3'
}

function reasonOfMilter({ ours, theirs, mta, other }: Place): Reason | undefined {
  if (!theirs) return undefined
  if (ours?.at === 'banner') return ours.hungUp && theirs.hungUp ? REASONS.banner : undefined
  const hello = mta.find(({ at, reply }) => at === 'EHLO' && isRefusal(reply))
  if (hello && theirs.at === 'EHLO') {
    const mail = other.find(({ at }) => at === 'MAIL')
    return mail && isAlike(hello, mail) ? REASONS.hello : undefined
  }
  if (hello && theirs.at === 'MAIL' && isAlike(hello, theirs)) return REASONS.hello
  if (!ours) return undefined
  const [said, heard] = [partsOf(ours), partsOf(theirs)]
  const isParting = said.status === heard.status && (heard.code === '421' || heard.code === '521')
  return ours.hungUp && theirs.hungUp && isParting ? REASONS.closed : undefined
}

function reasonOfPolicy(place: Place): Reason | undefined {
  const { ours, theirs, mta, other } = place
  if (!theirs) return undefined
  if (ours && isRefusal(ours.reply) && isRefusal(theirs.reply)) return sameRefusal(ours, theirs)
  // What our server refuses before RCPT.
  const early = mta.find(({ letter, at, reply }) => isEarly(at) && isRefusal(reply) && letter <= theirs.letter)
  const late = other.filter(({ at, letter }) => at.startsWith('RCPT') && letter >= (early?.letter ?? 0))
  if (
    early &&
    late.some((one) => isRefusal(one.reply) && isSameOrRelated(early, one)) &&
    !isTakenBy(other, early.letter)
  )
    return REASONS.asked
  const end = ours?.at === 'DATA' ? at(mta, `${ours.letter} end`) : undefined
  return end && isRefusal(end.reply) && isSameOrRelated(end, theirs) ? REASONS.summed : undefined
}

const isEarly = (at: Heard['at']): boolean => at === 'banner' || at === 'EHLO' || at === 'MAIL'
const isRefusal = (reply: string): boolean => !/^[23]/.test(reply)

/** Whether anything of this letter, or of all when it is none, got as far as 354. */
function isTakenBy(other: readonly Heard[], letter: number): boolean {
  return other.some((one) => one.at === 'DATA' && !isRefusal(one.reply) && (letter < 0 || one.letter === letter))
}

function isSameOrRelated(ours: Heard, theirs: Heard): boolean {
  return (isAlike(ours, theirs) && ours.hungUp === theirs.hungUp) || sameRefusal(ours, theirs) !== undefined
}

/** The same code and status; replies to a connection and to EHLO have none. */
function isAlike(ours: Heard, theirs: Heard): boolean {
  const [said, heard] = [partsOf(ours), partsOf(theirs)]
  return said.code === heard.code && (said.status === heard.status || said.status === '')
}

/** The status is the same, where there is one, and the code is of the same class. */
function sameRefusal(ours: Heard, theirs: Heard): Reason | undefined {
  const [said, heard] = [partsOf(ours), partsOf(theirs)]
  if (said.code[0] !== heard.code[0]) return undefined
  const isCorrected = theirs.at.startsWith('RCPT') && CORRECTED.get(said.status.slice(2)) === heard.status.slice(2)
  if (said.status !== heard.status && said.status !== '' && !isCorrected) return undefined
  if (ours.hungUp) return theirs.hungUp && /^[45]21$/.test(heard.code) ? REASONS.hangUp : undefined
  if (theirs.hungUp) return undefined
  if (heard.code === '450') return isCorrected ? REASONS.corrected : REASONS.deferral
  return said.code === heard.code && isCorrected ? REASONS.corrected : undefined
}

/** `smtpd_dsn_fix` of Postfix. */
const CORRECTED: ReadonlyMap<string, string> = new Map([
  ['1.7', '1.3'],
  ['1.8', '1.2'],
])

function partsOf({ reply }: Heard): { readonly code: string; readonly status: string } {
  return { code: reply.slice(0, 3), status: /^\d{3} (\d\.\d+\.\d+)/.exec(reply)?.[1] ?? '' }
}

function stageOf({ letter, at }: Heard): string {
  return letter < 0 ? at : `${letter} ${at}`
}
