/** `npm run crash -- --events N`: worlds of some kills each, until there were N; what is done is in a file, and is not done again. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { runWorld, type WorldResult } from './world.ts'

/** Kills of one world. */
const KILLS = 40

interface Done extends WorldResult {
  readonly world: number
  readonly store: string
}

/** Runs a campaign by its arguments; resolves to the exit code. */
export async function eventsCommand(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: 'string' },
      seed: { type: 'string', default: '1' },
      side: { type: 'string', default: '3' },
      out: { type: 'string', default: '.work/crash-events.json' },
      resume: { type: 'boolean', default: false },
    },
  })
  const wanted = Number(values.events)
  if (!Number.isInteger(wanted) || wanted < 1) {
    process.stderr.write('--events: a number of kills\n')
    return 2
  }
  const done: Done[] = values.resume ? load(values.out) : []
  const worlds = Array.from({ length: Math.ceil(wanted / KILLS) }, (_, world) => world)
  const left = worlds.filter((world) => done.every((each) => each.world !== world))
  const work = async (): Promise<void> => {
    for (let world = left.shift(); world !== undefined; world = left.shift()) {
      const store = world % 3 === 2 ? 'redis' : 'lmdb'
      const kills = Math.min(KILLS, wanted - world * KILLS)
      const random = randomOf(Number(values.seed) * 100_003 + world)
      const batch = [1, 20, 100][Math.floor(world / 3) % 3] ?? 1
      const result = await runWorld({ store, kills, clients: 8, batch, lifeMs: 6_000, random })
      done.push({ world, store, ...result })
      mkdirSync(dirname(values.out), { recursive: true })
      writeFileSync(values.out, JSON.stringify(done))
      process.stdout.write(`world ${world} (${store}, ${batch} a request): ${line([result])}\n`)
      for (const fault of result.faults.slice(0, 20)) process.stdout.write(`  ${fault}\n`)
    }
  }
  await Promise.all(Array.from({ length: Number(values.side) }, work))
  process.stdout.write(`${line(done)}\n`)
  for (const store of ['lmdb', 'redis'])
    process.stdout.write(`  ${store}: ${line(done.filter((each) => each.store === store))}\n`)
  return done.some(({ faults }) => faults.length > 0) ? 1 : 0
}

/** Chance that is the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function load(file: string): Done[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Done[] // we wrote it
  } catch {
    return [] // there is none yet
  }
}

function line(results: readonly WorldResult[]): string {
  const sum = (of: (one: WorldResult) => number): number => results.reduce((total, one) => total + of(one), 0)
  return `${sum(({ kills }) => kills)} kills, ${sum(({ acknowledged }) => acknowledged)} recipients acknowledged, ${sum(({ events }) => events)} events in ${sum(({ requests }) => requests)} requests, ${sum(({ again }) => again)} told again, ${sum(({ faults }) => faults.length)} faults`
}
