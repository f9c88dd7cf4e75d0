/** Reloads under load: the configuration is read anew again and again, while mail comes in and goes out and operators give commands. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Chance } from './chance.ts'
import { buildFaults } from './faults.ts'
import { Patience, rest } from './letters.ts'
import { operation } from './scenario.ts'
import type { Server } from './server.ts'
import { faultsOf, type WorldResult } from './verdict.ts'
import { World } from './world.ts'

/** How it is done. */
export interface ReloadOptions {
  readonly reloads: number
  /** Of one server. */
  readonly perServer: number
  readonly seed: number
  /** Default: one, three, one, … */
  readonly workers?: number | undefined
  readonly patienceMs: number
  onWorld?(result: WorldResult, all: readonly WorldResult[]): void | Promise<void>
}

/** Servers one after the other, each reloaded many times. */
export async function reloadCampaign(options: ReloadOptions): Promise<WorldResult[]> {
  const tools = await mkdtemp(join(tmpdir(), 'postroad-faults-'))
  const library = buildFaults(tools)
  const results: WorldResult[] = []
  try {
    for (let left = options.reloads; left > 0; left -= options.perServer) {
      const index = results.length
      const seed = Chance.mix(options.seed, index)
      const workers = options.workers ?? (index % 2 === 0 ? 1 : 3)
      const { patienceMs } = options
      const world = await World.make({ index, seed, workers, chance: new Chance(seed), library, patienceMs })
      results.push(await oneServer(world, Math.min(left, options.perServer)))
      await options.onWorld?.(results[index] as WorldResult, results) // pushed above
    }
  } finally {
    await rm(tools, { recursive: true, force: true })
  }
  return results
}

async function oneServer(world: World, reloads: number): Promise<WorldResult> {
  world.scenarios.push('reloads')
  let isKept = true
  try {
    const server = world.start()
    if (await world.awaitListening(server)) {
      const clients = world.clients(server, { limit: Number.POSITIVE_INFINITY, clients: 5, pauseMs: 100 })
      const over = new AbortController()
      const operator = operate(world, over.signal)
      await reloadOften(world, server, reloads)
      over.abort()
      await operator
      await clients.end()
      await stop(world, server)
    }
    const result = await world.conclude()
    isKept = faultsOf(result).length > 0
    return isKept ? result : { ...result, folder: '' }
  } finally {
    await world.close(isKept)
  }
}

/** One command after the other. */
async function operate(world: World, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !world.hasHung) {
    await world.command(operation(world))
    await rest(world.options.chance.between(0, 2_000), signal)
  }
}

async function reloadOften(world: World, server: Server, reloads: number): Promise<void> {
  const { chance } = world.options
  await until(world, server, { is: () => server.isReady, what: 'not all workers have come' })
  for (let count = 0; count < reloads && server.ended === undefined && !world.hasHung; ) {
    const before = await countReloads(server)
    // Now and then the next one comes before the last is done.
    const together = Math.min(chance.percent(15) ? 2 : 1, reloads - count)
    for (let each = 0; each < together; each++) {
      if (each > 0) await rest(chance.between(0, 60))
      server.signal('SIGHUP')
      world.deeds.reloads++
    }
    count += together
    await confirmed(world, server, before + server.workers)
    await rest(chance.between(0, 150))
  }
  if (server.ended !== undefined) world.problem(`a server ended by itself (${server.ended}), see ${server.log}`)
}

/** Each process says it once; of two that come at once a process may make one. */
async function confirmed(world: World, server: Server, count: number): Promise<void> {
  await until(world, server, {
    is: async () => (await countReloads(server)) >= count,
    what: 'a reload does not come to its end',
  })
}

/** Waits; what does not come about is a hang. */
async function until(
  world: World,
  server: Server,
  { is, what }: { readonly is: () => boolean | Promise<boolean>; readonly what: string },
): Promise<void> {
  const patience = new Patience(world.options.patienceMs)
  while (server.ended === undefined && !world.hasHung) {
    if (await is()) return
    if (!(await patience.wait(25))) return world.hang(server, what)
  }
}

async function countReloads(server: Server): Promise<number> {
  return (await server.read()).split('"text":"reloaded"').length - 1
}

async function stop(world: World, server: Server): Promise<void> {
  if (server.ended !== undefined || world.hasHung) return
  server.isDoomed = true
  server.signal('SIGTERM')
  if (!(await server.gone(world.options.patienceMs)))
    await world.hang(server, 'SIGTERM does not end a server after reloads')
  else if (server.ended !== 0) world.problem(`after SIGTERM the server ended with ${server.ended}, see ${server.log}`)
}
