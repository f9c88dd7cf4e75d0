/** Runs the checks. */
import type { HealthFinding } from '@postroad/plugin'
import type { Check, DoctorContext } from './check.ts'
import { CHECKS } from './checks.ts'
import { SENDER_CHECKS } from './sender/sender-checks.ts'

/** A finding, and whose. */
export interface Diagnosis extends HealthFinding {
  /** Name of the check. */
  readonly check: string
  /** Of a plugin's check: which. */
  readonly plugin?: string
  /** Of a rule for senders: receivers that ask for it. */
  readonly askedBy?: readonly string[]
}

/** Milliseconds for one check: DNS and next hops have limits of their own below it. */
const PATIENCE = 60_000

/** Which are run; without a choice, all. */
export interface CheckChoice {
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
  /** `server` (the default): everything of one; `sender`: what the large receivers ask of who sends mail of a domain. */
  readonly of?: 'server' | 'sender'
}

/** Findings in the order of the checks, with those of plugins behind them. Does not reject: a check that could not be made is a remark. */
export async function diagnose(
  context: DoctorContext,
  { only, skip = [], of = 'server' }: CheckChoice = {},
): Promise<readonly Diagnosis[]> {
  const isChosen = (name: string): boolean => (only === undefined || only.includes(name)) && !skip.includes(name)
  const own = (of === 'sender' ? SENDER_CHECKS : CHECKS)
    .filter(({ name }) => isChosen(name))
    .map(async (check) => {
      const found = await run(check.name, context, (asked) => check.run(asked))
      const { askedBy } = check
      return askedBy === undefined ? found : found.map((one) => ({ ...one, askedBy }))
    })
  const ofPlugins = context.checks
    .filter(({ check }) => (of === 'sender' ? check.name === 'dkim-key' : true) && isChosen(check.name))
    .map(async ({ plugin, check }) =>
      (await run(check.name, context, ({ signal }) => check.run(signal))).map((one) => ({ ...one, plugin })),
    )
  return (await Promise.all([...own, ...ofPlugins])).flat()
}

async function run(
  name: string,
  context: DoctorContext,
  ask: (context: DoctorContext) => ReturnType<Check['run']>,
): Promise<readonly Diagnosis[]> {
  const timeout = AbortSignal.timeout(PATIENCE)
  const signal = AbortSignal.any([context.signal, timeout])
  try {
    const late = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(new Error('it took too long')), { once: true }),
    )
    late.catch(() => undefined) // heard in the race, if anybody waits still
    return (await Promise.race([ask({ ...context, signal }), late])).map((finding) => ({ check: name, ...finding }))
  } catch (error) {
    // An error is no evidence.
    const evidence = `this could not be looked at: ${error instanceof Error ? error.message : error}`
    return [
      {
        check: name,
        state: 'remark',
        subject: name,
        evidence,
        fix: 'Ask again; if it stays so, it is a fault of the check.',
      },
    ]
  }
}

/** How many of each state. */
export function countStates(found: readonly HealthFinding[]): Readonly<Record<HealthFinding['state'], number>> {
  const of = (state: HealthFinding['state']): number => found.filter((one) => one.state === state).length
  return { ok: of('ok'), remark: of('remark'), fault: of('fault') }
}
