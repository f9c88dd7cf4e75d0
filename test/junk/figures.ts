/** Figures of a filter: how well it ranks, what is missed where so much may be lost, and how sure that is. */

/** One judged message; a higher score is more like junk. */
export interface Judged {
  readonly isJunk: boolean
  readonly score: number
}

/** In percent: the area that is not under the curve, and junk missed where 0.1 % or 1 % of the wanted mail may be lost. */
export interface Figures {
  readonly oneMinusAuc: number
  readonly missAtTenth: number
  readonly missAtOne: number
}

/** The figures of the issue. */
export function figuresOf(judged: readonly Judged[]): Figures {
  const sorted = [...judged].sort((a, b) => a.score - b.score)
  const wanted = sorted.filter(({ isJunk }) => !isJunk)
  const junk = sorted.length - wanted.length
  let area = 0
  let below = 0
  for (let i = 0; i < sorted.length; ) {
    let [next, w, j] = [i, 0, 0]
    for (; next < sorted.length && sorted[next]!.score === sorted[i]!.score; next++) sorted[next]!.isJunk ? j++ : w++
    area += j * (below + w / 2)
    below += w
    i = next
  }
  const miss = (rate: number) => {
    const threshold = wanted.at(-1 - Math.floor(rate * wanted.length))?.score ?? Number.NEGATIVE_INFINITY
    return (100 * sorted.filter(({ isJunk, score }) => isJunk && score <= threshold).length) / junk
  }
  return { oneMinusAuc: 100 * (1 - area / (junk * wanted.length)), missAtTenth: miss(0.001), missAtOne: miss(0.01) }
}

/** The mean of several orders. */
export function meanOf(figures: readonly Figures[]): Figures {
  const mean = (pick: (each: Figures) => number) => figures.reduce((sum, each) => sum + pick(each), 0) / figures.length
  return {
    oneMinusAuc: mean((each) => each.oneMinusAuc),
    missAtTenth: mean((each) => each.missAtTenth),
    missAtOne: mean((each) => each.missAtOne),
  }
}

/** 95 % bands by drawing the judged messages again, each kind by itself; deterministic. */
export function bandOf(judged: readonly Judged[], rounds = 200): Record<keyof Figures, readonly [number, number]> {
  const random = draw(1)
  const kinds = [judged.filter(({ isJunk }) => isJunk), judged.filter(({ isJunk }) => !isJunk)]
  const drawn = Array.from({ length: rounds }, () =>
    figuresOf(kinds.flatMap((kind) => kind.map(() => kind[Math.floor(random() * kind.length)]!))),
  )
  const band = (pick: (each: Figures) => number): readonly [number, number] => {
    const values = drawn.map(pick).sort((a, b) => a - b)
    return [values[Math.floor(rounds * 0.025)]!, values[Math.ceil(rounds * 0.975) - 1]!]
  }
  return {
    oneMinusAuc: band((each) => each.oneMinusAuc),
    missAtTenth: band((each) => each.missAtTenth),
    missAtOne: band((each) => each.missAtOne),
  }
}

/** Numbers from 0 to below 1, the same for the same seed. */
export function draw(seed: number): () => number {
  let state = Math.imul(seed, 2654435761) >>> 0
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

/** The same list in an order of its own for each seed. */
export function shuffled<T>(list: readonly T[], seed: number): T[] {
  const copy = [...list]
  const random = draw(seed)
  for (let i = copy.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1))
    ;[copy[i], copy[other]] = [copy[other]!, copy[i]!]
  }
  return copy
}
