/** Many worlds, some at the same time, until there were kills enough. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Chance } from './chance.ts'
import { buildFaults } from './faults.ts'
import type { Defect } from './fixture.ts'
import { rest } from './letters.ts'
import { SCENARIOS, type ScenarioName, WEIGHTS } from './scenario.ts'
import { faultsOf, type WorldResult } from './verdict.ts'
import { World } from './world.ts'

/** How it is done. */
export interface CampaignOptions {
  /** Kills in all. */
  readonly kills: number
  readonly seed: number
  /** Only this; default: all, by chance. */
  readonly scenario?: ScenarioName | undefined
  /** Processes of each server; default: one or three, by chance. */
  readonly workers?: number | undefined
  /** Worlds at the same time. */
  readonly sideBySide: number
  /** Only this one. */
  readonly world?: number | undefined
  readonly patienceMs: number
  /** Lives of servers in a world. */
  readonly lives: number
  readonly defect?: Defect | undefined
  /** Folders are kept also where nothing was found. */
  readonly keepsAll?: boolean
  /** Not even those where something was found. */
  readonly keepsNothing?: boolean
  /** Worlds done before. */
  readonly done?: readonly WorldResult[]
  onWorld?(result: WorldResult, all: readonly WorldResult[]): void | Promise<void>
}

/** Runs worlds. */
export async function campaign(options: CampaignOptions): Promise<WorldResult[]> {
  const results = [...(options.done ?? [])]
  const tools = await mkdtemp(join(tmpdir(), 'postroad-faults-'))
  const library = buildFaults(tools)
  let next = options.world ?? Math.max(-1, ...results.map(({ world }) => world)) + 1
  const isOver = (): boolean =>
    options.world === undefined ? countKills(results) >= options.kills : next > options.world
  const work = async (): Promise<void> => {
    while (!isOver()) {
      const result = await oneWorld(next++, library, options)
      results.push(result)
      await options.onWorld?.(result, results)
    }
  }
  try {
    const side = options.world === undefined ? options.sideBySide : 1
    await Promise.all(Array.from({ length: side }, work))
  } finally {
    await rm(tools, { recursive: true, force: true })
  }
  return results
}

function countKills(results: readonly WorldResult[]): number {
  return results.reduce((sum, { kills }) => sum + kills, 0)
}

async function oneWorld(index: number, library: string, options: CampaignOptions): Promise<WorldResult> {
  const seed = Chance.mix(options.seed, index)
  const chance = new Chance(seed)
  const workers = options.workers ?? (chance.percent(60) ? 1 : 3)
  const { patienceMs, defect } = options
  const world = await World.make({ index, seed, workers, chance, library, patienceMs, defect })
  let isKept = true
  try {
    for (let life = 0; life < options.lives; life++) {
      const name = options.scenario ?? draw(chance)
      world.scenarios.push(name)
      world.note(`scenario ${name}`)
      await SCENARIOS[name](world)
      // A hang is found once; the rest of this world would be found again and again.
      if (world.hasHung) break
      await rest(chance.between(0, 150))
    }
    const result = await world.conclude()
    isKept = options.keepsAll === true || (options.keepsNothing !== true && faultsOf(result).length > 0)
    const { folder: _, ...gone } = result
    return isKept ? result : gone
  } finally {
    await world.close(isKept)
  }
}

function draw(chance: Chance): ScenarioName {
  const names = Object.keys(WEIGHTS) as ScenarioName[] // its own keys
  return chance.pick(names.flatMap((name) => Array.from({ length: WEIGHTS[name] }, () => name)))
}

/** Where a campaign writes what it has found. */
export async function writeResults(file: string, report: object): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true })
  await writeFile(file, `${JSON.stringify(report, undefined, 1)}\n`)
}

/** What an earlier campaign with the same seed has written; nothing where there was none. */
export async function readResults(file: string, seed: number): Promise<WorldResult[]> {
  if (!existsSync(file)) return []
  const report = JSON.parse(await readFile(file, 'utf8')) as { seed: number; worlds: WorldResult[] } // `writeResults` wrote it
  if (report.seed !== seed)
    throw new RangeError(`${file} is of seed ${report.seed}: give --seed ${report.seed}, or another file`)
  return report.worlds
}
