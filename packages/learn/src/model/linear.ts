/** One hashed linear model: a weight a feature, learned at once, with steps that grow smaller where much was learned (AdaGrad). */

/** How a model learns. */
export interface Rates {
  /** The first step. */
  readonly rate: number
  /** What the sum of squared gradients starts from: small, so that the first lessons count. */
  readonly start: number
  /** Nothing is learned from a message that is this far on the right side. Unit: logit. */
  readonly margin: number
}

const BIAS_SHARE = 0.1
const MOST_SEEN = 255

/** Weights of one family of features. */
export class LinearModel {
  readonly size: number
  /** Weight and sum of squared gradients side by side: one line of the cache for both. */
  readonly weights: Float32Array
  /** In how many lessons a feature was, at most 255. */
  readonly seen: Uint8Array
  /** The day in which a feature was learned last. */
  readonly days: Uint16Array
  bias = 0
  /** How many features of the message scored last were in at least two lessons. */
  known = 0
  readonly #mask: number
  readonly #rates: Rates

  constructor(bits: number, rates: Rates) {
    this.size = 2 ** bits
    this.#mask = this.size - 1
    this.#rates = rates
    this.weights = new Float32Array(2 * this.size)
    this.seen = new Uint8Array(this.size)
    this.days = new Uint16Array(this.size)
  }

  /** The logit of a message; `known` is counted on the way. */
  score(features: Int32Array): number {
    const { weights, seen } = this
    const mask = this.#mask
    const count = features.length
    let sum = 0
    let known = 0
    for (let i = 0; i < count; i++) {
      const slot = (features[i] ?? 0) & mask
      sum += weights[2 * slot] ?? 0
      if ((seen[slot] ?? 0) > 1) known++
    }
    this.known = known
    return count === 0 ? this.bias : sum / Math.sqrt(count) + this.bias
  }

  /** How many of the features were in at least two lessons. */
  knownOf(features: Int32Array): number {
    this.score(features)
    return this.known
  }

  /** What has been learned of one feature. */
  weightOf(hash: number): number {
    return this.weights[2 * (hash & this.#mask)] ?? 0
  }

  /** One step towards a label (1 junk, -1 wanted); gives the gradient, 0 when the message was right by the margin. */
  step(features: Int32Array, sign: number): number {
    const z = this.#sum(features)
    if (sign * z >= this.#rates.margin) return 0
    const gradient = sign / (1 + Math.exp(sign * z))
    this.#move(features, gradient)
    return gradient
  }

  #sum(features: Int32Array): number {
    const { weights } = this
    const mask = this.#mask
    const count = features.length
    let sum = 0
    for (let i = 0; i < count; i++) sum += weights[2 * ((features[i] ?? 0) & mask)] ?? 0
    return count === 0 ? this.bias : sum / Math.sqrt(count) + this.bias
  }

  #move(features: Int32Array, gradient: number): void {
    const { weights } = this
    const { rate, start } = this.#rates
    const mask = this.#mask
    const part = gradient / Math.sqrt(Math.max(1, features.length))
    const square = part * part
    const step = rate * part
    for (let i = 0; i < features.length; i++) {
      const at = 2 * ((features[i] ?? 0) & mask)
      const sum = (weights[at + 1] ?? 0) + square
      weights[at + 1] = sum
      weights[at] = (weights[at] ?? 0) + step / Math.sqrt(sum + start)
    }
    this.bias += rate * BIAS_SHARE * part
  }

  /** Takes a step back that `step` has made. */
  back(features: Int32Array, gradient: number): void {
    const { weights } = this
    const { rate, start } = this.#rates
    const mask = this.#mask
    const part = gradient / Math.sqrt(Math.max(1, features.length))
    const square = part * part
    const step = rate * part
    for (let i = features.length - 1; i >= 0; i--) {
      const at = 2 * ((features[i] ?? 0) & mask)
      const sum = weights[at + 1] ?? 0
      weights[at] = (weights[at] ?? 0) - step / Math.sqrt(sum + start)
      weights[at + 1] = Math.max(0, sum - square)
    }
    this.bias -= rate * BIAS_SHARE * part
  }

  /** Counts the features of a lesson. */
  count(features: Int32Array, day: number): void {
    const { seen, days } = this
    const mask = this.#mask
    for (let i = 0; i < features.length; i++) {
      const slot = (features[i] ?? 0) & mask
      const before = seen[slot] ?? 0
      if (before < MOST_SEEN) seen[slot] = before + 1
      days[slot] = day
    }
  }

  /** Takes a lesson out of the counts. */
  uncount(features: Int32Array): void {
    const { seen } = this
    const mask = this.#mask
    for (let i = 0; i < features.length; i++) {
      const slot = (features[i] ?? 0) & mask
      const before = seen[slot] ?? 0
      // What has reached the most is not known any more: it stays.
      if (before > 0 && before < MOST_SEEN) seen[slot] = before - 1
    }
  }

  /** Weights that were not learned for `rest` days are multiplied. */
  decay(day: number, rest: number, factor: number): void {
    const { weights, days } = this
    for (let slot = 0; slot < this.size; slot++) {
      const weight = weights[2 * slot] ?? 0
      if (weight !== 0 && day - (days[slot] ?? 0) > rest) weights[2 * slot] = weight * factor
    }
  }
}
