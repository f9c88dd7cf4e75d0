import type { Refusal } from '@postroad/plugin'

/** A handler's run failed: what that is worth, or undefined where it is worth nothing. */
export class Failure {
  readonly refusal: Refusal | undefined

  constructor(refusal: Refusal | undefined) {
    this.refusal = refusal
  }
}
