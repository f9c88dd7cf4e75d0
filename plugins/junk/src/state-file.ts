/** A mind as octets, with checksums: what is written down, and read when a process starts. */
import { crc32 } from 'node:zlib'
import { Calibration, Canaries, LossBudget, readSnapshot, UserTrust, writeSnapshot } from '@postroad/learn'
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

const MAGIC = Buffer.from('PRJUNK1\n')
/** Octets of the sum and the length of the head. */
const FRONT = 8
const MOST_LEARNED = 40_000

interface Head {
  readonly position: Position
  readonly budget: ReturnType<LossBudget['toJSON']>
  readonly calibration: ReturnType<Calibration['toJSON']>
  readonly trust: ReturnType<UserTrust['toJSON']>
  readonly canaries: ReturnType<Canaries['toJSON']>
  readonly tally: readonly TallyDay[]
  readonly counts: Omit<Counts, 'today'> & {
    readonly today: { readonly day: number; readonly users: readonly (readonly [string, number])[] }
  }
  readonly circles: readonly string[]
  /** Octets of what follows, and their CRC-32: model, learned messages, and two for each circle. */
  readonly pieces: readonly (readonly [length: number, sum: number])[]
}

/** As it stands in the file, in pieces: put together they would be twice in memory. */
export function encodeMind({ mind, position }: KeptMind): readonly Uint8Array[] {
  const circles = [...mind.circles]
  const pieces = [writeSnapshot(mind.model), mind.learned.encode(), ...circles.flatMap(([, circle]) => circle.encode())]
  const { today, ...counts } = mind.counts
  const head: Head = {
    position,
    budget: mind.budget.toJSON(),
    calibration: mind.calibration.toJSON(),
    trust: mind.trust.toJSON(),
    canaries: mind.canaries.toJSON(),
    tally: mind.tally.days,
    counts: { ...counts, today: { day: today.day, users: [...today.users] } },
    circles: circles.map(([name]) => name),
    pieces: pieces.map((piece) => [piece.length, crc32(piece)]),
  }
  const said = Buffer.from(JSON.stringify(head))
  const front = Buffer.alloc(FRONT)
  front.writeUInt32LE(crc32(said), 0)
  front.writeUInt32LE(said.length, 4)
  return [MAGIC, front, said, ...pieces]
}

/** @throws {StateError} when it is none */
export function decodeMind(octets: Buffer, options: MindOptions): KeptMind {
  const begin = MAGIC.length + FRONT
  if (octets.length < begin || !octets.subarray(0, MAGIC.length).equals(MAGIC))
    throw new StateError('it is of another version, or no such file')
  const end = begin + octets.readUInt32LE(MAGIC.length + 4)
  const said = octets.subarray(begin, end)
  if (crc32(said) !== octets.readUInt32LE(MAGIC.length)) throw new StateError('its checksum is wrong')
  const head = JSON.parse(said.toString('utf8')) as Head // what encodeMind has written: its checksum says so
  const pieces: Buffer[] = []
  let at = end
  for (const [length, sum] of head.pieces) {
    const piece = octets.subarray(at, at + length)
    if (piece.length !== length || crc32(piece) !== sum) throw new StateError('a checksum in it is wrong')
    pieces.push(piece)
    at += length
  }
  try {
    return mindOf(head, pieces, options)
  } catch (cause) {
    throw new StateError('it is of another version', { cause })
  }
}

function mindOf(head: Head, pieces: readonly Uint8Array[], options: MindOptions): KeptMind {
  const [model = new Uint8Array(), learned = new Uint8Array(), ...rest] = pieces
  const circles = new Map(
    head.circles.map((name, index) => {
      const [corrections = new Uint8Array(), own = new Uint8Array()] = rest.slice(2 * index, 2 * index + 2)
      return [name, OwnCorrections.decode([corrections, own])]
    }),
  )
  const { today } = head.counts
  const mind = new Mind(options, {
    model: readSnapshot(model),
    learned: LearnedMessages.decode(Buffer.from(learned), MOST_LEARNED),
    budget: LossBudget.from({ ...head.budget, oneIn: options.oneIn }),
    calibration: Calibration.from(head.calibration),
    trust: UserTrust.from(head.trust),
    canaries: Canaries.from(head.canaries),
    tally: Tally.from(head.tally),
    counts: { ...head.counts, pausedAt: head.counts.pausedAt, today: { day: today.day, users: new Map(today.users) } },
    circles,
  })
  return { mind, position: head.position }
}

/** Octets at the beginning of a kept mind that have its position in them. */
export const PEEKED = 256

/** Up to which place a kept mind knows the journal, by its first octets; undefined when these are of something else. */
export function positionIn(octets: Buffer | undefined): Position | undefined {
  return /"position":"([^"]*)"/.exec(octets?.toString('latin1', 0, PEEKED) ?? '')?.[1]
}
