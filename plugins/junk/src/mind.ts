/**
 * All that a filter has learned: its model, corrections of domains and users, trust, the budget, and which messages it was taught.
 *
 * It is a pure function of the journal: whoever applies the same records in the same order has the same mind, in another worker, on another node
 * and after a restart. It reads no clock and no file.
 */
import {
  Calibration,
  Canaries,
  type Corrections,
  decodeFeatures,
  type Features,
  type Label,
  type LessonReceipt,
  LossBudget,
  Model,
  type Score,
  UserTrust,
} from '@postroad/learn'
import type { LessonEntry } from './lesson.ts'
import { type LearnedMessage, LearnedMessages, OwnCorrections } from './own-corrections.ts'
import { Tally } from './tally.ts'

/** What a lesson came to. */
export type LessonOutcome =
  /** The filter has changed. */
  | 'learned'
  /** It was learned otherwise before: that is taken back. */
  | 'relabelled'
  /** It was learned like this before: nothing has changed. */
  | 'known'
  /** It counts for who taught it, and for others once more people say so. */
  | 'own'
  /** Too many of this user today. */
  | 'too many'
  /** Canaries have stopped learning. */
  | 'paused'
  /** Its features cannot be read. */
  | 'damaged'

/** What an operator has said. */
export interface MindOptions {
  /** One of so many wanted messages may be lost. */
  readonly oneIn: number
  /** Lessons of one user a day. */
  readonly perDay: number
  /** What must have been learned before anything is done. */
  readonly minimum: { readonly spam: number; readonly ham: number; readonly users: number }
}

/** How far a filter is. */
export interface Readiness {
  readonly isReady: boolean
  /** What is missing, in words; empty when it is ready. */
  readonly missing: readonly string[]
}

/** Whose corrections count. */
export interface Audience {
  readonly user: string | undefined
  readonly domain: string | undefined
}

/** Messages that are remembered, so that they are learned once and can be taken back. */
const MOST = 40_000
/** Of both kinds so many must be known before scores of wanted mail say anything: who knows only ham calls all of it ham. */
const BOTH = 50
/**
 * Of each kind one lesson in `every` is a canary in place of being learned, once so many were learned that it can be spared; after each lesson so
 * many canaries are looked at.
 */
const CANARY = { every: 10, after: 100, look: 16 } as const
/** What is kept of a lesson that was not learned: it is a canary. */
const NO_STEPS = new Float64Array()
/** A probability below which a message is not called unsure. */
const LIKELY = 0.8
const DAY = 86_400_000

/** Everything that was learned. */
export class Mind {
  readonly #options: MindOptions
  readonly model: Model
  readonly budget: LossBudget
  readonly calibration: Calibration
  readonly trust: UserTrust
  readonly tally: Tally
  readonly learned: LearnedMessages
  readonly circles: Map<string, OwnCorrections>
  canaries: Canaries
  counts: Counts

  constructor(options: MindOptions, parts: Partial<MindParts> = {}) {
    this.#options = options
    this.model = parts.model ?? new Model()
    this.budget = parts.budget ?? new LossBudget({ oneIn: options.oneIn })
    this.calibration = parts.calibration ?? new Calibration()
    this.trust = parts.trust ?? new UserTrust()
    this.tally = parts.tally ?? new Tally()
    this.learned = parts.learned ?? new LearnedMessages(MOST)
    this.circles = parts.circles ?? new Map()
    this.canaries = parts.canaries ?? new Canaries()
    this.counts = parts.counts ?? newCounts()
  }

  /** The score for somebody, or for everybody. */
  score(features: Features, audience?: Audience): Score {
    return this.model.score(features, audience && this.correctionsFor(audience))
  }

  /** Whether somebody has taught it for themselves. */
  knows({ user, domain }: Audience): boolean {
    return (user !== undefined && this.circles.has(user)) || (domain !== undefined && this.circles.has(domain))
  }

  /** Of the domain and of the user, where there are any. */
  correctionsFor({ user, domain }: Audience): readonly Corrections[] {
    const found: Corrections[] = []
    for (const name of [domain, user]) {
      const circle = name === undefined ? undefined : this.circles.get(name)
      if (circle) found.push(circle.corrections)
    }
    return found
  }

  /**
   * From which scores on mail is junk, and unsure. What leans to wanted is neither, however low scores of wanted mail are; and what is less likely
   * junk than `LIKELY` is not unsure, though most of what scores higher is junk.
   */
  get thresholds(): { readonly junk: number; readonly unsure: number } {
    const state = this.budget.state
    const junk = Math.max(0, state.junk)
    return { junk, unsure: Math.min(junk, Math.max(0, state.unsure, this.calibration.verdictAt(LIKELY))) }
  }

  /** Whether it may be obeyed yet. */
  readiness(): Readiness {
    const { spam, ham, users } = this.#options.minimum
    const { lessons } = this.model
    const { counts, budget } = this
    const missing: string[] = []
    if (lessons.junk < spam) missing.push(`${spam - lessons.junk} more of spam`)
    if (lessons.wanted < ham) missing.push(`${ham - lessons.wanted} more of wanted mail`)
    const isOperators = counts.operator.junk >= spam && counts.operator.wanted >= ham
    if (!isOperators && this.trust.users < users)
      missing.push(`lessons of ${users - this.trust.users} more users, or ${spam} and ${ham} by the operator`)
    const { isProven, needed, wanted } = budget.state
    if (!isProven)
      missing.push(`${Math.max(1, needed - wanted)} more scores of wanted mail to keep 1 in ${this.#options.oneIn}`)
    if (counts.pausedAt !== undefined) missing.push('an operator who resumes learning, which canaries have stopped')
    return { isReady: missing.length === 0, missing }
  }

  /** Learns what somebody has said of a message. */
  apply(entry: LessonEntry, octets: Uint8Array): LessonOutcome {
    const { counts } = this
    if (counts.pausedAt !== undefined) return this.#counted(entry, 'paused')
    if (this.#isTooMany(entry)) return this.#counted(entry, 'too many')
    this.#fade(entry.at)
    let features: Features
    try {
      features = decodeFeatures(octets)
    } catch {
      return this.#counted(entry, 'damaged') // of another version; others are learned all the same
    }
    return this.#counted(entry, this.#learn(entry, features))
  }

  /** Goes on after canaries have stopped it; they are chosen anew. */
  resume(): void {
    this.counts.pausedAt = undefined
    this.canaries = new Canaries()
  }

  /** What is kept of a user by their name goes. */
  forget(user: string): void {
    this.circles.delete(user)
    this.counts.today.users.delete(user)
    this.trust.delete(user)
  }

  #counted(entry: LessonEntry, outcome: LessonOutcome): LessonOutcome {
    this.counts.outcomes[outcome] = (this.counts.outcomes[outcome] ?? 0) + 1
    this.counts.lastAt = Math.max(this.counts.lastAt, entry.at)
    return outcome
  }

  #isTooMany({ user, at }: LessonEntry): boolean {
    if (user === undefined) return false
    const { today } = this.counts
    const day = Math.floor(at / DAY)
    if (today.day !== day) this.counts.today = { day, users: new Map() }
    const { users } = this.counts.today
    const count = (users.get(user) ?? 0) + 1
    users.set(user, count)
    return count > this.#options.perDay
  }

  #fade(at: number): void {
    const day = Math.floor(at / DAY)
    if (day <= this.counts.fadedOn) return
    if (this.counts.fadedOn > 0) this.model.decay(at)
    this.counts.fadedOn = day
  }

  #learn(entry: LessonEntry, features: Features): LessonOutcome {
    const { label, key, user, domain, at } = entry
    const everybody = this.model.score(features)
    const audience = { user, domain }
    const before = this.knows(audience) ? this.score(features, audience) : everybody
    const known = this.learned.get(key)?.lesson.label
    const trusted = user === undefined || this.#isTrusted(user, { key, label, rank: everybody.rank })
    const isNew =
      user === undefined ? known === undefined : this.#receiptOf(user, key) === undefined && known === undefined
    if (isNew && trusted) this.#observe(at, label, before)
    const forAll = trusted && known !== label
    if (forAll) this.#learnForAll(entry, features)
    let isOwnNew = false
    if (user !== undefined) isOwnNew = this.#circleOf(user).learn(features, label, { key, rank: before.rank, at })
    if (user !== undefined && domain !== undefined && trusted)
      this.#circleOf(domain).learn(features, label, { key, rank: before.rank, at })
    if (forAll) return known === undefined ? 'learned' : 'relabelled'
    return isOwnNew ? 'own' : 'known'
  }

  #learnForAll({ key, label, at, user }: LessonEntry, features: Features): void {
    const before = this.learned.get(key)
    if (before === undefined) this.counts.offered[label]++
    const isCanary = before === undefined && this.#isSpared(label)
    if (isCanary) this.canaries.add(key, features, label)
    this.learned.set(key, {
      lesson: isCanary ? { label, steps: NO_STEPS } : this.#teach(before, { key, label, at }, features),
      at,
    })
    if (user === undefined) this.counts.operator[label]++
    this.#watch(at)
  }

  #teach(
    before: LearnedMessage | undefined,
    { key, label, at }: { readonly key: string; readonly label: Label; readonly at: number },
    features: Features,
  ): LessonReceipt {
    if (before === undefined) return this.model.learn(features, label, { at })
    if (before.lesson.steps.length > 0) return this.model.relabel(features, before.lesson, label, { at })
    // Who calls it otherwise has found that it is no canary: what it was called was never learned.
    this.canaries.remove(key)
    return this.model.learn(features, label, { at })
  }

  /** Whether a new lesson is to be a canary. */
  #isSpared(label: Label): boolean {
    const { lessons } = this.model
    return (
      Math.min(lessons.junk, lessons.wanted) >= CANARY.after &&
      this.counts.offered[label] % CANARY.every === 0 &&
      this.canaries.needs(label)
    )
  }

  /** Believed, or enough others have said the same. */
  #isTrusted(
    user: string,
    { key, label, rank }: { readonly key: string; readonly label: Label; readonly rank: number },
  ) {
    // What is said again is no new evidence of who says it.
    if (this.#receiptOf(user, key) === label) return this.learned.get(key)?.lesson.label === label
    if (this.trust.judge(user, rank, label).isTrusted) return true
    return this.trust.agree(key, user, label).isEnough
  }

  #receiptOf(user: string, key: string): Label | undefined {
    return this.circles.get(user)?.learned.get(key)?.lesson.label
  }

  #observe(at: number, label: Label, { verdict }: Score): void {
    const isAbove = verdict >= this.thresholds.junk
    this.tally.count(at, label, { isAbove, probability: this.calibration.probability(verdict) })
    const { junk, wanted } = this.model.lessons
    if (junk < BOTH || wanted < BOTH) return
    this.budget.observe(verdict, label)
    this.calibration.observe(verdict, label)
  }

  /** Looks at some of the canaries; when they are judged wrong much more often than before learning stops. */
  #watch(at: number): void {
    this.counts.lessons++
    if (this.canaries.step(this.model, CANARY.look)?.isAlarm) this.counts.pausedAt = at
  }

  #circleOf(name: string): OwnCorrections {
    const circle = this.circles.get(name) ?? new OwnCorrections()
    this.circles.set(name, circle)
    return circle
  }
}

/** What is counted. */
export interface Counts {
  lessons: number
  /** Milliseconds since the epoch; 0 when nothing was taught yet. */
  lastAt: number
  fadedOn: number
  pausedAt: number | undefined
  operator: { junk: number; wanted: number }
  /** New lessons by kind: some of them become canaries. */
  offered: { junk: number; wanted: number }
  outcomes: Partial<Record<LessonOutcome, number>>
  today: { day: number; users: Map<string, number> }
}

function newCounts(): Counts {
  return {
    lessons: 0,
    lastAt: 0,
    fadedOn: 0,
    pausedAt: undefined,
    operator: { junk: 0, wanted: 0 },
    offered: { junk: 0, wanted: 0 },
    outcomes: {},
    today: { day: 0, users: new Map() },
  }
}

/** What a mind is made of. */
export interface MindParts {
  readonly model: Model
  readonly budget: LossBudget
  readonly calibration: Calibration
  readonly trust: UserTrust
  readonly tally: Tally
  readonly learned: LearnedMessages
  readonly circles: Map<string, OwnCorrections>
  readonly canaries: Canaries
  readonly counts: Counts
}
