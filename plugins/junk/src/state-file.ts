/**
 * A mind as octets: what is written down, and read when a process starts. One frame after the other, each with its checksum, and none so large that
 * mail would wait for it.
 */
import { crc32 } from 'node:zlib'
import {
  Calibration,
  Canaries,
  type Canary,
  Corrections,
  LossBudget,
  type Model,
  readingSnapshot,
  snapshotSlices,
  UserTrust,
  type UserTrustState,
} from '@postroad/learn'
import type { Position } from './journal.ts'
import { type Counts, Mind, type MindOptions } from './mind.ts'
import { LearnedMessages, OwnCorrections } from './own-corrections.ts'
import { Tally, type TallyDay } from './tally.ts'

/** A mind, and up to which place of the journal it knows. */
export interface KeptMind {
  readonly mind: Mind
  readonly position: Position
}

/** A file that is no mind: damaged, or of another version. */
export class StateError extends Error {}

const MAGIC = Buffer.from('PRJUNK2\n')
/** Octets of a frame before its own: kind, length, checksum. */
const FRONT = 9
const MOST_LEARNED = 40_000
const USERS_A_SLICE = 1_000

/** What a frame has. The order is that of the file; those of a circle follow its name. */
const KIND = {
  head: 1,
  model: 2,
  learned: 3,
  wantedScores: 4,
  junkScores: 5,
  trust: 6,
  today: 7,
  canary: 8,
  circle: 9,
  corrections: 10,
  learnedByCircle: 11,
  end: 12,
} as const

interface Head {
  readonly position: Position
  readonly calibration: ReturnType<Calibration['toJSON']>
  readonly canaries: ReturnType<Canaries['toJSON']>
  readonly tally: readonly TallyDay[]
  readonly counts: Omit<Counts, 'today'>
  readonly today: number
}

/** As it stands in the file, in slices of at most some 128 KB. The mind must stay as it is until the last one. */
export function* mindSlices({ mind, position }: KeptMind): Generator<Uint8Array, void> {
  yield MAGIC
  const { today, ...counts } = mind.counts
  const head: Head = {
    position,
    calibration: mind.calibration.toJSON(),
    canaries: mind.canaries.toJSON(),
    tally: mind.tally.days,
    counts,
    today: today.day,
  }
  yield frame(KIND.head, json(head))
  for (const slice of snapshotSlices(mind.model)) yield frame(KIND.model, slice)
  for (const slice of mind.learned.slices()) yield frame(KIND.learned, slice)
  const { wanted, junk } = mind.budget.toJSON()
  yield* numberFrames(KIND.wantedScores, wanted)
  yield* numberFrames(KIND.junkScores, junk)
  for (const state of mind.trust.states()) yield frame(KIND.trust, json(state))
  const users = [...today.users]
  for (let from = 0; from < users.length; from += USERS_A_SLICE)
    yield frame(KIND.today, json(users.slice(from, from + USERS_A_SLICE)))
  for (const { key, label, features } of mind.canaries.all())
    yield frame(KIND.canary, Buffer.concat([json([key, label]), Buffer.from([0]), features]))
  for (const [name, circle] of mind.circles) {
    yield frame(KIND.circle, Buffer.from(name))
    yield frame(KIND.corrections, circle.corrections.toSnapshot())
    for (const slice of circle.learned.slices()) yield frame(KIND.learnedByCircle, slice)
  }
  yield frame(KIND.end, new Uint8Array())
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function frame(kind: number, octets: Uint8Array): Uint8Array {
  const whole = Buffer.allocUnsafe(FRONT + octets.length)
  whole.writeUInt8(kind, 0)
  whole.writeUInt32LE(octets.length, 1)
  whole.writeUInt32LE(crc32(octets), 5)
  whole.set(octets, FRONT)
  return whole
}

function* numberFrames(kind: number, numbers: readonly number[]): Generator<Uint8Array, void> {
  const room = 8_192
  for (let from = 0; from < numbers.length; from += room) {
    const slice = Float64Array.from(numbers.slice(from, from + room))
    yield frame(kind, new Uint8Array(slice.buffer))
  }
}

/** Reads a mind, a slice a step. @throws {StateError} in any of them, when it is none */
export function* readingMind(octets: Buffer, options: MindOptions): Generator<void, KeptMind> {
  if (octets.length < MAGIC.length || !octets.subarray(0, MAGIC.length).equals(MAGIC))
    throw new StateError('it is of another version, or no such file')
  const reader = new MindReader(options)
  let at = MAGIC.length
  for (let kind = 0; kind !== KIND.end; ) {
    if (at + FRONT > octets.length) throw new StateError('it is cut off')
    kind = octets.readUInt8(at)
    const end = at + FRONT + octets.readUInt32LE(at + 1)
    const own = octets.subarray(at + FRONT, end)
    if (end > octets.length || crc32(own) !== octets.readUInt32LE(at + 5))
      throw new StateError('a checksum in it is wrong')
    try {
      reader.take(kind, own)
    } catch (cause) {
      throw new StateError('it is of another version', { cause })
    }
    at = end
    yield
  }
  try {
    return yield* reader.finish()
  } catch (cause) {
    throw new StateError('it is of another version', { cause })
  }
}

/** Puts frames together. */
class MindReader {
  readonly #options: MindOptions
  readonly #model: Buffer[] = []
  readonly #learned = new LearnedMessages(MOST_LEARNED)
  readonly #scores = { wanted: [] as number[], junk: [] as number[] }
  readonly #trust: UserTrustState[] = []
  readonly #today = new Map<string, number>()
  readonly #canaries: Canary[] = []
  readonly #circles = new Map<string, OwnCorrections>()
  #circle = ''
  #head: Head | undefined

  constructor(options: MindOptions) {
    this.#options = options
  }

  take(kind: number, octets: Buffer): void {
    if (kind === KIND.head)
      this.#head = JSON.parse(octets.toString()) as Head // what mindSlices has written: its checksum says so
    else if (kind === KIND.model) this.#model.push(octets)
    else if (kind === KIND.learned) this.#learned.decode(octets)
    else if (kind === KIND.wantedScores) this.#scores.wanted.push(...numbersOf(octets))
    else if (kind === KIND.junkScores) this.#scores.junk.push(...numbersOf(octets))
    else if (kind === KIND.trust)
      this.#trust.push(JSON.parse(octets.toString()) as UserTrustState) // as the head
    else if (kind === KIND.today)
      for (const [user, count] of JSON.parse(octets.toString()) as [string, number][]) this.#today.set(user, count)
    else if (kind === KIND.canary) this.#canaries.push(canaryOf(octets))
    else if (kind === KIND.circle) this.#circle = octets.toString()
    else if (kind === KIND.corrections)
      this.#circles.set(this.#circle, new OwnCorrections(Corrections.fromSnapshot(octets)))
    else if (kind === KIND.learnedByCircle) this.#circles.get(this.#circle)?.learned.decode(octets)
    else if (kind !== KIND.end) throw new RangeError(`there is nothing of kind ${kind}`)
  }

  *finish(): Generator<void, KeptMind> {
    const head = this.#head
    if (!head) throw new RangeError('it has no head')
    const model: Model = yield* readingSnapshot(yield* joined(this.#model))
    const { oneIn } = this.#options
    const mind = new Mind(this.#options, {
      model,
      learned: this.#learned,
      budget: LossBudget.from({ ...this.#scores, oneIn }),
      calibration: Calibration.from(head.calibration),
      trust: UserTrust.from(this.#trust),
      canaries: Canaries.from(head.canaries, this.#canaries),
      tally: Tally.from(head.tally),
      counts: { ...head.counts, pausedAt: head.counts.pausedAt, today: { day: head.today, users: this.#today } },
      circles: this.#circles,
    })
    return { mind, position: head.position }
  }
}

function numbersOf(octets: Buffer): number[] {
  return Array.from({ length: octets.length / 8 }, (_, i) => octets.readDoubleLE(8 * i))
}

function canaryOf(octets: Buffer): Canary {
  const end = octets.indexOf(0)
  const [key, label] = JSON.parse(octets.toString('utf8', 0, end)) as [string, Canary['label']] // as the head
  return { key, label, features: octets.subarray(end + 1) }
}

function* joined(pieces: readonly Buffer[]): Generator<void, Uint8Array> {
  const whole = Buffer.allocUnsafe(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
    yield
  }
  return whole
}

/** Octets at the beginning of a kept mind that have its position in them. */
export const PEEKED = 256

/** Up to which place a kept mind knows the journal, by its first octets; undefined when these are of something else. */
export function positionIn(octets: Buffer | undefined): Position | undefined {
  return /"position":"([^"]*)"/.exec(octets?.toString('latin1', 0, PEEKED) ?? '')?.[1]
}
