/** What is done to a server in one life of it. Each scenario ends with no process left. */
import { CALLS, type Fault } from './faults.ts'
import { type Clients, Patience, rest, TRASH } from './letters.ts'
import { HOSTS } from './next-hop.ts'
import type { Server } from './server.ts'
import type { World } from './world.ts'

type Scenario = (world: World) => Promise<void>

/** By name, as `--scenario` takes them. */
export const SCENARIOS = {
  startup,
  load,
  drain,
  commands,
  freeze,
  disk,
  full,
  descriptors,
  reload,
} as const satisfies Readonly<globalThis.Record<string, Scenario>>
export type ScenarioName = keyof typeof SCENARIOS

/** How often each is drawn. */
export const WEIGHTS: Readonly<globalThis.Record<ScenarioName, number>> = {
  startup: 5,
  load: 6,
  drain: 3,
  commands: 3,
  freeze: 2,
  disk: 2,
  full: 2,
  descriptors: 2,
  reload: 2,
}

/** Killed before it has told that it listens, or soon after. */
async function startup(world: World): Promise<void> {
  const { chance, workers } = world.options
  const server = world.start()
  await rest(chance.between(50, workers > 1 ? 1_500 : 700))
  await world.end(server, chance.percent(50) ? 'all' : 'supervisor')
}

/** Runs `work` while clients send, then kills what is left. */
async function underLoad(
  world: World,
  work: (server: Server, clients: Clients) => Promise<void>,
  start = world.start(),
): Promise<void> {
  const { chance } = world.options
  if (!(await world.awaitListening(start))) return
  const clients = world.clients(start, { limit: chance.between(30, 90) })
  await busy(world)
  await work(start, clients)
  await world.end(start, chance.percent(50) ? 'all' : 'supervisor')
  await clients.end()
}

/** Until a letter was acknowledged, and a moment. */
async function busy(world: World): Promise<void> {
  const { acknowledged } = world.book.counts
  for (let waited = 0; waited < 3_000 && world.book.counts.acknowledged === acknowledged; waited += 10) await rest(10)
  await rest(world.options.chance.between(0, 500))
}

/** Workers are killed one after the other, then all. */
async function killWorkers(world: World, server: Server, most: number): Promise<void> {
  const { chance } = world.options
  if (server.workers === 1) return
  for (let count = chance.between(0, most); count > 0 && server.ended === undefined; count--) {
    world.kill(server, 'worker')
    await rest(chance.between(50, 700))
  }
}

function load(world: World): Promise<void> {
  return underLoad(world, (server) => killWorkers(world, server, 4))
}

/** Told to stop, and killed before it has. Sometimes it may finish. */
function drain(world: World): Promise<void> {
  const { chance, patienceMs } = world.options
  return underLoad(world, async (server, clients) => {
    server.isDoomed = true
    server.signal('SIGTERM')
    world.note('SIGTERM')
    if (chance.percent(70)) return rest(chance.between(0, 900))
    if (!(await server.gone(patienceMs))) await world.hang(server, 'SIGTERM does not end a server')
    else if (server.ended !== 0) world.problem(`after SIGTERM the server ended with ${server.ended}, see ${server.log}`)
    await clients.end()
  })
}

/** What operators do, harmless to letters. */
export function operation(world: World): readonly string[] {
  const { chance } = world.options
  const host = chance.pick(HOSTS)
  return chance.pick([
    ['list'],
    ['list', '--json', '--limit', '5'],
    ['stats'],
    ['retry', '--all'],
    ['hold', '--all', '--limit', '5'],
    ['release', '--all'],
    ['suspend', host],
    ['resume', host],
    ['delete', '--domain', TRASH],
    ['show', 'AAAAAAAAAAAAAAAAAAAA'],
  ])
}

/** Commands come and are killed while the server works. */
function commands(world: World): Promise<void> {
  const { chance } = world.options
  return underLoad(world, async (server) => {
    const rounds = chance.between(2, 3)
    for (let round = 0; round < rounds; round++) {
      const some = Array.from({ length: chance.between(1, 3) }, () => {
        const killAfterMs = chance.percent(75) ? chance.between(100, 900) : undefined
        return world.command(operation(world), { killAfterMs })
      })
      if (chance.percent(30)) await killWorkers(world, server, 1)
      await Promise.all(some)
    }
    await answers(world, server)
  })
}

/** One process or all stand still for seconds; commands come meanwhile. */
function freeze(world: World): Promise<void> {
  const { chance } = world.options
  return underLoad(world, async (server, clients) => {
    clients.isPatient = true
    const all = server.members
    const pids = chance.percent(50) ? all : [chance.pick(all)]
    const frozen = world.freeze(server, { pids, forMs: chance.between(300, 3_000) })
    const command = chance.percent(40) ? world.command(operation(world)) : undefined
    if (chance.percent(30)) {
      await rest(chance.between(50, 300))
      return void (await Promise.all([world.end(server), frozen, command]))
    }
    await Promise.all([frozen, command])
    clients.isPatient = false
    await killWorkers(world, server, 1)
    await answers(world, server)
  })
}

/** A letter is taken, after whatever has happened. */
async function answers(world: World, server: Server): Promise<void> {
  if (server.ended !== undefined || server.isDoomed) return
  const before = world.book.counts.acknowledged
  const probe = world.clients(server, { limit: 200, clients: 1, pauseMs: 100 })
  const patience = new Patience(world.options.patienceMs)
  while (world.book.counts.acknowledged === before && server.ended === undefined) {
    if (await patience.wait(50)) continue
    await world.hang(server, `no letter was taken for ${Math.round(world.options.patienceMs / 1_000)} s`)
    break
  }
  await probe.end()
}

/** Calls fail while the server works; then all is well again, and it must recover by itself or end, so that whoever watches starts it anew. */
async function faulty(world: World, fault: Fault, meanwhile: (server: Server) => Promise<unknown>): Promise<void> {
  const { chance } = world.options
  const { faults } = world.fixture
  await underLoad(world, async (server, clients) => {
    const from = Date.now()
    clients.isPatient = true
    world.faulty.add(world.deeds.lives)
    if (fault.error !== 'EMFILE') world.mayEnd.add(world.deeds.lives)
    // Until it is cleared below; what is left to chance is how long that takes.
    faults.arm({ ...fault, forMs: FAULT_LIMIT_MS })
    world.note(`fault ${JSON.stringify(fault)}`)
    await Promise.all([meanwhile(server), rest(chance.between(100, fault.forMs))])
    const isOver = chance.percent(70)
    if (isOver) faults.clear()
    const hits = await faults.hits()
    world.deeds.faults += hits
    world.note(`${hits} calls failed`)
    world.book.troubled({ from, to: Date.now() + RECOVERY_MS, isDisk: fault.error !== 'EMFILE' && hits > 0 })
    clients.isPatient = false
    if (isOver) await answers(world, server)
    faults.clear()
  })
}

/** Milliseconds after which all is well, whatever became of us. */
const FAULT_LIMIT_MS = 90_000

/** Milliseconds in which what a disk refused may still have its effect. */
const RECOVERY_MS = 10_000

/** Writes or syncs fail, once or for a time. */
function disk(world: World): Promise<void> {
  const { chance } = world.options
  const calls = chance.pick([CALLS.write, CALLS.sync, CALLS.write | CALLS.sync])
  const length = chance.percent(50) ? { count: chance.between(1, 3), skip: chance.between(0, 8) } : {}
  const place = chance.percent(40) ? ({ place: 'meta' } as const) : {}
  return faulty(world, { error: 'EIO', calls, forMs: chance.between(300, 4_000), ...length, ...place }, async () => {})
}

/** No room: what is there already may be written over, and commands must work. */
async function full(world: World): Promise<void> {
  const { chance } = world.options
  const fault: Fault = {
    error: 'ENOSPC',
    calls: CALLS.write | CALLS.truncate,
    forMs: chance.between(500, 4_000),
    place: 'growing',
  }
  const look = async (): Promise<void> => {
    if (!chance.percent(50)) return
    const { ended, out, err } = await world.command(['list'])
    if (ended !== 0)
      world.problem(`queue list ends with ${ended} on a full disk: ${out.slice(0, 200)}${err.slice(0, 200)}`)
  }
  await faulty(world, fault, look)
}

/** No descriptors; workers may have to be replaced meanwhile. */
function descriptors(world: World): Promise<void> {
  const { chance } = world.options
  const calls = chance.pick([
    CALLS.open,
    CALLS.socket | CALLS.accept,
    CALLS.open | CALLS.socket | CALLS.accept | CALLS.pipe,
  ])
  return faulty(world, { error: 'EMFILE', calls, forMs: chance.between(300, 6_500) }, async (server) => {
    await rest(chance.between(0, 300))
    if (chance.percent(50)) await killWorkers(world, server, 1)
  })
}

/** The configuration is read anew, again and again. */
function reload(world: World): Promise<void> {
  const { chance } = world.options
  return underLoad(world, async (server) => {
    for (let count = chance.between(1, 4); count > 0 && server.ended === undefined; count--) {
      world.deeds.reloads++
      world.note('SIGHUP')
      server.signal('SIGHUP')
      await rest(chance.between(0, 500))
    }
    if (chance.percent(50)) await answers(world, server)
  })
}
