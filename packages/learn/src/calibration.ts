/** Verdicts as probabilities that mean what they say: a line through the running verdicts (Platt), never steeper than the verdict itself. */
import type { Label } from './model/reservoir.ts'

const ROOM = 2000
const REFIT_AFTER = 50
const LEAST = 50
const ROUNDS = 12

/** What `toJSON` gives and `Calibration.from` takes. */
export interface CalibrationState {
  readonly verdicts: readonly number[]
  readonly junk: readonly (0 | 1)[]
  /** The line, and how many verdicts came since it was drawn. */
  readonly line: readonly [slope: number, offset: number, fresh: number]
}

/** Learns from verdicts of before learning what they were worth. */
export class Calibration {
  #verdicts: number[] = []
  #junk: (0 | 1)[] = []
  #slope = 1
  #offset = 0
  #fresh = 0

  /** Reads what `toJSON` gave. */
  static from({ verdicts, junk, line: [slope, offset, fresh] }: CalibrationState): Calibration {
    const calibration = new Calibration()
    calibration.#verdicts = [...verdicts]
    calibration.#junk = [...junk]
    calibration.#slope = slope
    calibration.#offset = offset
    calibration.#fresh = fresh
    return calibration
  }

  /** Takes the verdict that a message had before it was learned. */
  observe(verdict: number, label: Label): void {
    if (!Number.isFinite(verdict)) return
    this.#verdicts.push(verdict)
    this.#junk.push(label === 'junk' ? 1 : 0)
    if (this.#verdicts.length > ROOM + REFIT_AFTER) {
      this.#verdicts = this.#verdicts.slice(-ROOM)
      this.#junk = this.#junk.slice(-ROOM)
    }
    if (++this.#fresh >= REFIT_AFTER) this.#fit()
  }

  /** How likely a message with this verdict is junk, 0 to 1. */
  probability(verdict: number): number {
    return 1 / (1 + Math.exp(-(this.#slope * verdict + this.#offset)))
  }

  /** The verdict from which on a message is as likely junk as that. */
  verdictAt(probability: number): number {
    return (Math.log(probability / (1 - probability)) - this.#offset) / this.#slope
  }

  /** All that there is to keep. */
  toJSON(): CalibrationState {
    return { verdicts: [...this.#verdicts], junk: [...this.#junk], line: [this.#slope, this.#offset, this.#fresh] }
  }

  /** Newton's method with a pull towards slope 1 and offset 0, which decides where there is little of one kind. */
  #fit(): void {
    this.#fresh = 0
    const junk = this.#junk.reduce<number>((sum, y) => sum + y, 0)
    if (junk < LEAST || this.#junk.length - junk < LEAST) return
    // From zero the method does not overshoot.
    let [slope, offset] = [0, 0]
    for (let round = 0; round < ROUNDS; round++) {
      let [ga, gb, aa, ab, bb] = [slope - 1, offset, 1, 0, 1]
      for (const [i, x] of this.#verdicts.entries()) {
        const p = 1 / (1 + Math.exp(-(slope * x + offset)))
        const weight = p * (1 - p)
        ga += (p - (this.#junk[i] ?? 0)) * x
        gb += p - (this.#junk[i] ?? 0)
        aa += weight * x * x
        ab += weight * x
        bb += weight
      }
      const scale = aa * bb - ab * ab
      if (!(scale > 1e-9)) return
      slope -= (bb * ga - ab * gb) / scale
      offset -= (aa * gb - ab * ga) / scale
      if (!Number.isFinite(slope) || !Number.isFinite(offset)) return
    }
    this.#slope = Math.min(1, Math.max(0.05, slope))
    this.#offset = Math.min(5, Math.max(-5, offset))
  }
}
