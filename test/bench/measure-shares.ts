/** An open loop: messages are due at shares of the rate that the first target reaches when it is given all it takes. */
import { countIn, poissonArrivals, seeded } from './arrivals.ts'
import type { Figures, Round } from './measure.ts'
import type { Scenario } from './scenario.ts'
import type { ServerProcess } from './server-process.ts'

/** How long messages are due in one step, and how many at most and at least. */
const WINDOW_MS = 4_000
const COUNT = { least: 40, most: 5_000 }

/** After this nothing new is begun: who does not keep up does not hold up the others. */
const LIMIT_MS = 3 * WINDOW_MS

/** Of its own rate, which others than the first are measured at, too. */
const OWN_SHARE = 0.5

/** Measures one step of one target. */
export type Step = (
  server: ServerProcess,
  step: { readonly messages: number; readonly limitMs: number; readonly due?: readonly number[] },
) => Promise<Round>

export interface SharesOptions {
  readonly rounds: number
  readonly roundLimitMs: number
  readonly say: (text: string) => void
}

/** Rows are `NAME` (the closed loop), `10% NAME` and so on, and `own-50% NAME`. Without the first target, only its own. */
export async function measureShares(
  scenario: Scenario & { readonly shares: readonly number[] },
  servers: readonly ServerProcess[],
  measureStep: Step,
  { rounds, roundLimitMs, say }: SharesOptions,
): Promise<Figures[]> {
  const rows = new Map<string, { readonly server: ServerProcess; readonly rounds: Round[] }>()
  const base = servers.find(({ target }) => target === scenario.targets[0])
  for (let round = 1; round <= Math.min(rounds, scenario.maxRounds ?? rounds); round++) {
    const turn = round % 2 === 0 ? servers : [...servers].reverse()
    const run = async (server: ServerProcess, label: string, step: Parameters<Step>[1]): Promise<Round> => {
      const name = `${label}${server.name}`
      say(`round ${round}: ${name}`)
      server.resume()
      const figure = await measureStep(server, step)
      server.pause()
      const row = rows.get(name) ?? { server, rounds: [] }
      row.rounds.push(figure)
      rows.set(name, row)
      return figure
    }
    const full = new Map<ServerProcess, number>()
    for (const server of turn)
      full.set(server, (await run(server, '', { messages: scenario.messages, limitMs: roundLimitMs })).rate)
    const fullOfBase = base && full.get(base)
    for (const share of fullOfBase === undefined ? [] : scenario.shares) {
      // The same times for each target.
      const step = stepAt(share * (fullOfBase ?? 0), round)
      for (const server of turn) await run(server, `${percent(share)} `, step)
    }
    for (const server of turn)
      if (server !== base)
        await run(server, `own-${percent(OWN_SHARE)} `, stepAt(OWN_SHARE * (full.get(server) ?? 0), round))
  }
  for (const server of servers) server.resume()
  const peaks = new Map<ServerProcess, number>()
  for (const server of servers) peaks.set(server, (await server.usage()).peakRss)
  return [...rows]
    .toSorted(
      ([a, one], [b, other]) => orderOf(a) - orderOf(b) || servers.indexOf(one.server) - servers.indexOf(other.server),
    )
    .map(([target, { server, rounds }]) => ({ target, rounds, peakRss: peaks.get(server) ?? Number.NaN }))
}

function stepAt(perSecond: number, seed: number): Parameters<Step>[1] {
  const messages = countIn(WINDOW_MS, perSecond, COUNT)
  return { messages, limitMs: LIMIT_MS, due: poissonArrivals(perSecond, messages, seeded(seed)) }
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`
}

/** The closed loop, then shares as they grow, then the own ones. */
function orderOf(name: string): number {
  if (name.startsWith('own-')) return 1_000
  return Number(/^(\d+)% /.exec(name)?.[1] ?? 0)
}
