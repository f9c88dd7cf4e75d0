/** What clients say to a gateway, made of a seed: the same dialogues on every machine. */
import { DOMAIN } from './configuration.ts'

/** One message on its way. */
export interface Letter {
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  /** Domain of the author. */
  readonly author: string
  /** A signature of `signed.test` below it, or one that does not fit. */
  readonly signature?: 'good' | 'broken'
}

/** One session. */
export interface Dialogue {
  readonly index: number
  readonly client: string
  /** What reverse DNS calls it; undefined where it has no name. */
  readonly name?: string
  readonly helo: string
  readonly letters: readonly Letter[]
  /** Milliseconds that pass before it. */
  readonly wait: number
}

const SUBJECTS = [
  ...['refuse', 'defer', 'hold', 'discard', 'points', 'many points'],
  ...['refuse for some', 'hold for some', 'discard for some'],
] as const
const SENDERS = [
  'refuse@plain.test',
  'defer@plain.test',
  'points@plain.test',
  'nodata@plain.test',
  'deferdata@plain.test',
  'joe@denied.test',
  'joe@good.test',
  'joe@soft.test',
  'joe@broken.test',
  'bulk@limit.test',
  'joe@nowhere.test',
  '',
] as const
const CLIENTS = ['203.0.113.5', '203.0.113.6', '203.0.113.7', '203.0.113.66', '203.0.113.67', '203.0.113.99'] as const
const HELOS = ['refuse.test', 'defer.test', 'mx.example.test', 'localhost', '[192.0.2.77]'] as const
const LOCALS = ['later', 'gone', 'tired', 'odd', 'odder', 'nobody', 'abuse'] as const

/**
 * Makes dialogues, of which the most are odd in one or two ways: what is right in every way is always answered the same.
 *
 * @param withContent whether what the message says may count
 */
export function dialogues(seed: number, { count, withContent }: { count: number; withContent: boolean }): Dialogue[] {
  const random = generator(seed)
  return Array.from({ length: count }, (_, index) => dialogue(index, new Dice(random), withContent))
}

function dialogue(index: number, dice: Dice, withContent: boolean): Dialogue {
  const host = 1 + dice.below(9)
  const kind = dice.below(10)
  const isStranger = kind === 1 || kind === 2
  const client = kind === 0 ? dice.pick(CLIENTS) : isStranger ? `198.51.100.${1 + dice.below(3)}` : `192.0.2.${host}`
  const isKnown = kind > 2
  const helo = dice.below(8) === 0 ? dice.pick(HELOS) : `mail${host}.good.test`
  const letters = Array.from({ length: dice.below(4) === 0 ? 2 : 1 }, () => letter(index, dice, withContent))
  const wait = dice.below(3) === 0 ? 400_000 : 1_000
  return { index, client, helo, letters, wait, ...(isKnown && { name: `mail${host}.good.test` }) }
}

function letter(index: number, dice: Dice, withContent: boolean): Letter {
  const to = Array.from({ length: 1 + dice.below(3) }, () => recipient(dice))
  // After a message that has to be sent to one at a time its sender is remembered: nobody else may have this one.
  const isOdd = to.some((one) => one.startsWith('odd'))
  const own = `news-${'abcdefghij'[dice.below(10)]}-${index}@plain.test`
  const from = dice.below(2) === 0 && !isOdd ? dice.pick(SENDERS) : own
  if (!withContent || dice.below(2) === 0) return { from, to, subject: 'plain', author: 'plain.test' }
  const kind = dice.below(8)
  if (kind === 0) return { from, to, subject: 'plain', author: 'held.test' }
  if (kind === 1) return { from, to, subject: 'plain', author: 'signed.test' }
  if (kind === 2) return { from, to, subject: 'plain', author: 'signed.test', signature: 'good' }
  if (kind === 3) return { from, to, subject: 'plain', author: 'signed.test', signature: 'broken' }
  const subject = dice.pick(SUBJECTS)
  return { from: subject === 'hold for some' ? own : from, to, subject, author: 'plain.test' }
}

function recipient(dice: Dice): string {
  if (dice.below(40) === 0) return 'joe@elsewhere.test'
  const local = dice.below(3) === 0 ? dice.pick(LOCALS) : dice.pick(['alice', 'bob', 'carol'])
  return `${local}@${DOMAIN}`
}

class Dice {
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  pick<const T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T // within bounds
  }
}

/** Numerical Recipes' linear congruence; the upper bits are good enough for choices. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) / 0x1_00_00_00
  }
}
