/** What a score and a lesson cost, the best of some rounds a message: on a machine that is busy an upper bound. */
import { readFileSync } from 'node:fs'
import { Corrections, type Features, Model, Scanner } from '@postroad/learn'
import type { Corpus } from './corpus.ts'

const ROUNDS = 5
const HOSTILE = ['=', '<', '://', '&#x', '<!--', '\n--b', '=?a?b?', '<a href="', 'ab ', '\n ']
const HEADS = ['Content-Type: text/html\n\n', 'Content-Type: multipart/mixed; boundary=b\n\n', 'Subject: ', '\n']

/** Milliseconds a message: median, 99th of 100, most. */
export interface Times {
  readonly median: number
  readonly p99: number
  readonly most: number
}

/** Times on the messages of a corpus, and on what is made to cost. */
export function speedOf(corpus: Corpus) {
  const model = new Model()
  for (const { features, label } of corpus.sets.R.train) model.learn(features, label)
  const scanner = new Scanner()
  const messages = corpus.sets.R.test.map(({ path }) => readFileSync(path))
  const score = (octets: Uint8Array) => model.score(scanner.scan(octets))
  const all = messages.map((octets) => best(() => score(octets)))
  const hostile = HEADS.flatMap((head) =>
    HOSTILE.map((unit) => {
      const octets = Buffer.from(head + unit.repeat(Math.ceil(60_000 / unit.length)))
      return { what: head.slice(0, 24) + unit, time: best(() => score(octets)) }
    }),
  ).sort((a, b) => b.time - a.time)
  const lessons = corpus.sets.R.test.map(({ features, label }) => learnTime(model, features, label))
  return {
    score: timesOf(all),
    score4to60: timesOf(all.filter((_, i) => messages[i]!.length >= 4096 && messages[i]!.length <= 61_440)),
    hostile: { most: hostile[0]!.time, what: hostile[0]!.what },
    learn: timesOf(lessons),
    octets: { model: model.octets, user: new Corrections().octets, heap: process.memoryUsage().arrayBuffers },
  }
}

function best(work: () => unknown): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    work()
    least = Math.min(least, performance.now() - start)
  }
  return least
}

/** A lesson is taken back before it is learned again. */
function learnTime(model: Model, features: Features, label: 'junk' | 'wanted'): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    const lesson = model.learn(features, label)
    least = Math.min(least, performance.now() - start)
    if (round + 1 < ROUNDS) model.unlearn(features, lesson)
  }
  return least
}

function timesOf(list: readonly number[]): Times {
  const sorted = [...list].sort((a, b) => a - b)
  return { median: sorted[sorted.length >> 1]!, p99: sorted[Math.floor(sorted.length * 0.99)]!, most: sorted.at(-1)! }
}
