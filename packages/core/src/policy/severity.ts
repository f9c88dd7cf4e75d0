import type { DeliveryOpinion, MessageOpinion, Opinion, Refusal } from '@postroad/plugin'

/** Whatever an *ask* hook may answer with. */
export type AnyOpinion = Opinion | DeliveryOpinion

/** reject > defer > quarantine > discard > accept > reroute > suspect: the most severe opinion of a wave wins, never the fastest. */
export const SEVERITY: Readonly<Record<AnyOpinion['kind'], number>> = {
  reject: 6,
  defer: 5,
  quarantine: 4,
  discard: 3,
  accept: 2,
  reroute: 1,
  suspect: 0,
}

/** An opinion that decides, and whose it is. */
export interface Decision<O extends AnyOpinion = MessageOpinion> {
  readonly opinion: O
  /** The plugin, or `thresholds` for the sum of points. */
  readonly plugin: string
}

/** The more severe of two; the first when they are alike, so that the order of `use` decides and not the clock. */
export function severer<O extends AnyOpinion>(a: Decision<O> | undefined, b: Decision<O>): Decision<O> {
  return a === undefined || SEVERITY[b.opinion.kind] > SEVERITY[a.opinion.kind] ? b : a
}

/** True for 4yz and 5yz. */
export function isRefusal(opinion: Opinion | undefined): opinion is Refusal {
  return opinion !== undefined && (opinion.kind === 'reject' || opinion.kind === 'defer')
}
