/** `npm run crash -- --kills N`: the campaign, for people and for files. */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type CampaignOptions, campaign, readResults, writeResults } from './campaign.ts'
import { reloadCampaign } from './reloads.ts'
import { SCENARIOS, type ScenarioName } from './scenario.ts'
import { faultsOf, sumOf, tableOf, type WorldResult } from './verdict.ts'

/** Of servers in a world. */
const LIVES = 12

const OUT = fileURLToPath(new URL('../../../.work/crash.json', import.meta.url))

/** Runs it; resolves to the exit code. */
export async function killCommand(args: readonly string[]): Promise<number> {
  const options = read(args)
  const { kills, seed, out } = options
  const done = options.resume ? await readResults(out, seed) : []
  console.log(`seed ${seed}; results go to ${out}`)
  const began = performance.now()
  const results = await campaign({
    ...options,
    done,
    async onWorld(result, all) {
      console.log(progress(result, all, { began, kills }))
      for (const each of faultsOf(result)) console.log(`    ${each}`)
      if (faultsOf(result).length > 0)
        console.log(`    again: npm run crash -- ${again(result, options)}; kept in ${result.folder}`)
      await writeResults(out, { seed, command: again(undefined, options), sum: sumOf(all), worlds: all })
    },
  })
  return conclude(results)
}

/** `npm run crash -- --reloads N`; resolves to the exit code. */
export async function reloadCommand(args: readonly string[]): Promise<number> {
  const { reloads, seed, workers, patienceMs, out } = read(args)
  console.log(`seed ${seed}; results go to ${out}`)
  const results = await reloadCampaign({
    reloads,
    perServer: 50,
    seed,
    workers,
    patienceMs,
    async onWorld(result, all) {
      const { acknowledged, arrivals, deeds, folder } = result
      const found = faultsOf(result)
      console.log(
        `server ${all.length}: ${result.workers} proc, ${deeds.reloads} reloads, ${deeds.commands} commands, ${acknowledged} acknowledged, ${arrivals} arrivals, ${Math.round(result.ms / 1_000)} s  ${found.length === 0 ? 'ok' : `FOUND, kept in ${folder}`}`,
      )
      for (const each of found) console.log(`    ${each}`)
      await writeResults(out, { seed, command: `--reloads ${reloads} --seed ${seed}`, sum: sumOf(all), worlds: all })
    },
  })
  return conclude(results)
}

/** The table, and the exit code. */
function conclude(results: readonly WorldResult[]): number {
  const found = results.filter((each) => faultsOf(each).length > 0)
  console.log(`\n${tableOf(results)}\n`)
  console.log(
    found.length === 0
      ? 'Nothing was found.'
      : `Found something in ${found.length} worlds: ${found.map(({ world }) => world).join(', ')}`,
  )
  return found.length === 0 ? 0 : 1
}

type Options = CampaignOptions & { readonly out: string; readonly resume: boolean; readonly reloads: number }

function read(args: readonly string[]): Options {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: text,
      reloads: text,
      seed: text,
      scenario: text,
      workers: text,
      world: text,
      side: text,
      lives: text,
      patience: text,
      out: text,
      resume: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  const number = (name: keyof typeof values, usual: number): number => {
    const value = values[name] === undefined ? usual : Number(values[name])
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`--${name} takes a whole number, not "${values[name]}"`)
    return value
  }
  const { scenario } = values
  if (scenario !== undefined && !(scenario in SCENARIOS))
    throw new RangeError(`--scenario takes one of ${Object.keys(SCENARIOS).join(', ')}, not "${scenario}"`)
  return {
    kills: number('kills', 100),
    reloads: number('reloads', 100),
    seed: number('seed', Math.floor(Math.random() * 1_000_000)),
    scenario: scenario as ScenarioName | undefined, // looked up above
    workers: values.workers === undefined ? undefined : number('workers', 1),
    world: values.world === undefined ? undefined : number('world', 0),
    sideBySide: number('side', 3),
    lives: number('lives', LIVES),
    patienceMs: number('patience', 60) * 1_000,
    out: values.out ?? OUT,
    resume: values.resume,
    keepsAll: values.keep,
  }
}

function again(result: WorldResult | undefined, { seed, scenario, workers, kills, lives }: Options): string {
  const parts = [
    result === undefined ? `--kills ${kills}` : `--world ${result.world}`,
    `--seed ${seed}`,
    ...(lives === LIVES ? [] : [`--lives ${lives}`]),
    ...(scenario === undefined ? [] : [`--scenario ${scenario}`]),
    ...(workers === undefined ? [] : [`--workers ${workers}`]),
  ]
  return parts.join(' ')
}

function progress(
  result: WorldResult,
  all: readonly WorldResult[],
  { began, kills }: { began: number; kills: number },
): string {
  const sum = sumOf(all)
  const minutes = ((performance.now() - began) / 60_000).toFixed(1)
  const { again: twice, acknowledged, workers, deeds } = result
  const verdict = faultsOf(result).length === 0 ? 'ok' : 'FOUND'
  return `${minutes} min  ${sum.kills}/${kills} kills  world ${result.world}: ${workers} proc, ${deeds.lives} lives, ${result.kills} kills, ${acknowledged} acknowledged, ${twice.killed}+${twice.unwritten} twice, ${Math.round(result.ms / 1_000)} s  ${verdict}`
}
