/** Holds the same dialogues in two roles. */

import { dialogues } from './dialogue.ts'
import { answerOf, type Difference, differences } from './difference.ts'
import { type LegOptions, type Role, startLeg } from './leg.ts'

/** What came of it. */
export interface Compared {
  readonly dialogues: number
  /** Replies of our server, and how many of them refuse. */
  readonly stages: number
  readonly refusals: number
  /** What our server said, and how often: which rules have been heard at all. */
  readonly answers: ReadonlyMap<string, number>
  readonly differences: readonly Difference[]
  /** Those without a reason. */
  readonly faults: readonly Difference[]
  /** What either server logged as an error. */
  readonly trouble: readonly string[]
}

/** Where content plays no part for the one that asks, it plays none for our server. */
export async function compare({
  role,
  refuseAt,
  seed,
  count,
}: {
  readonly role: Exclude<Role, 'mta'>
  readonly refuseAt: LegOptions['refuseAt']
  readonly seed: number
  readonly count: number
}): Promise<Compared> {
  const withContent = role === 'milter'
  await using server = await startLeg({ role: 'mta', withContent, refuseAt })
  await using asked = await startLeg({ role, withContent, refuseAt })
  const found: Difference[] = []
  const answers = new Map<string, number>()
  let [stages, refusals] = [0, 0]
  for (const dialogue of dialogues(seed, { count, withContent })) {
    const mta = await server.hold(dialogue)
    found.push(...differences(dialogue, { mta, other: await asked.hold(dialogue), role }))
    for (const answer of mta.map(answerOf)) answers.set(answer, (answers.get(answer) ?? 0) + 1)
    stages += mta.length
    refusals += mta.filter(({ reply }) => !/^[23]/.test(reply)).length
  }
  return {
    dialogues: count,
    stages,
    refusals,
    answers,
    differences: found,
    faults: found.filter(({ reason }) => reason === undefined),
    trouble: [...server.trouble(), ...asked.trouble()],
  }
}
