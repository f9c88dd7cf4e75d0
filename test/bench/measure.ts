/** One scenario: every target warmed up, then rounds that take turns, and the medians of the rounds. */

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDriver } from './drive.ts'
import { type Driver, type Load, makeData } from './load.ts'
import { openTransactions } from './load-transaction.ts'
import { measureShares, type Step } from './measure-shares.ts'
import { measureStarts } from './measure-starts.ts'
import type { Scenario } from './scenario.ts'
import { ServerProcess } from './server-process.ts'
import { countCalls } from './system-calls.ts'
import type { Calls, Usage, Work } from './target.ts'
import { warmUp } from './warm-up.ts'

/** One round of one target. */
export interface Round {
  /** Messages a second. */
  readonly rate: number
  /** Milliseconds of CPU a message. */
  readonly cpu: number
  /** Milliseconds from the message to its reply: half of them took no longer, and 99 of 100. Where waiting is what is measured. */
  readonly wait?: { readonly p50: number; readonly p99: number }
  /** Of a message, where it is counted. */
  readonly work?: Work
}

/** What one target came to in one scenario. */
export interface Figures {
  readonly target: string
  /** In the order in which they ran; rounds of the same index ran one after the other. Empty for idle sessions. */
  readonly rounds: readonly Round[]
  /** Octets, the most it ever was. */
  readonly peakRss: number
  /** Octets an idle session. */
  readonly idle?: number
  /** Of a message, where it can be counted. */
  readonly calls?: Calls
}

/** How thoroughly. */
export interface MeasureOptions {
  readonly rounds: number
  /** Milliseconds after which a round begins no new message: a slow target must not hold up the others. */
  readonly roundLimitMs: number
  /** A folder for CPU profiles of the targets; undefined: none are made. */
  readonly profiles?: string | undefined
  /** Another checkout, built, against which this one is measured: each target then runs from both. */
  readonly against?: string | undefined
  /** Told of progress. */
  readonly say: (text: string) => void
  /** Told of a target that the machine has no program for, and cannot get. */
  readonly leftOut: (target: string, why: string) => void
}

/** Measures the targets of a scenario, those in `only` if it is given. */
export async function measure(
  scenario: Scenario,
  targets: readonly string[],
  options: MeasureOptions,
): Promise<Figures[]> {
  if (scenario.isMicro) return measureMicro(scenario, targets, options)
  if (scenario.isStart) return measureStarts(targets, options)
  await using _besides = await scenario.besides?.()
  const sink = await ServerProcess.start(scenario.sink ?? 'floor', 0)
  const servers: ServerProcess[] = []
  try {
    for (const name of targets) {
      for (const tree of options.against === undefined ? [undefined] : [undefined, options.against]) {
        options.say(`warming up ${name}`)
        const server = await startTarget(name, sink.port, { ...options, tree, scenario })
        if (server === undefined) continue
        servers.push(server)
        await warm(scenario, server, sink)
        server.pause()
      }
    }
    const { shares } = scenario
    if (shares !== undefined) {
      const step: Step = (server, { limitMs, ...how }) =>
        measureOnce({ ...scenario, ...how }, { server, sink }, limitMs)
      return await measureShares({ ...scenario, shares }, servers, step, options)
    }
    return scenario.idle
      ? await measureIdle(scenario, servers)
      : await measureRounds(scenario, { servers, sink }, options)
  } finally {
    await Promise.all([...servers, sink].map((server) => server.stop()))
  }
}

/** Each round is a process of its own. */
function measureMicro({ messages }: Scenario, targets: readonly string[], { rounds, say }: MeasureOptions): Figures[] {
  return targets.map((target) => {
    const all = Array.from({ length: rounds }, (_, round): Round => {
      say(`round ${round + 1} of ${rounds}: ${target}`)
      const file = join(import.meta.dirname, `${target}.ts`)
      const cpu = Number(
        execFileSync(process.execPath, ['--conditions=@postroad/source', file, String(messages)], { encoding: 'utf8' }),
      )
      return { cpu, rate: 1_000 / cpu }
    })
    return { target, rounds: all, peakRss: 0 }
  })
}

async function startTarget(
  name: string,
  sinkPort: number,
  {
    profiles,
    leftOut,
    tree,
    scenario,
  }: MeasureOptions & { readonly tree: string | undefined; readonly scenario: Scenario },
): Promise<ServerProcess | undefined> {
  try {
    return await ServerProcess.start(name, sinkPort, {
      execArgv: profiling(name, profiles),
      tree,
      isSilent: scenario.speaks?.[name] !== undefined,
      oneCore: scenario.oneCore ?? false,
    })
  } catch (error) {
    const why = error instanceof Error && /not installed: .*/.exec(error.message)?.[0]
    if (!why) throw error
    leftOut(name, why)
    return undefined
  }
}

function profiling(name: string, folder: string | undefined): string[] {
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`]
}

function loadOf(
  {
    sessions,
    octets,
    messages,
    single = false,
    pipelined = false,
    starttls = false,
    data,
  }: Scenario & { readonly data?: Buffer | undefined },
  port: number,
): Load {
  return { port, sessions, messages, data: data ?? makeData(octets), single, pipelined, starttls, limitMs: 60_000 }
}

async function warm(scenario: Scenario, server: ServerProcess, sink: ServerProcess): Promise<void> {
  const load = { ...loadOf(scenario, server.port), sessions: Math.min(scenario.sessions, 200) }
  const before = await received(sink)
  const driver = await openFor(scenario, server)
  // Most of the warm-up goes over connections that stay, so that a wait in each greeting does not last minutes.
  const many = scenario.single
    ? (await driver.send({ ...load, messages: scenario.warmUp, single: false, limitMs: WARM_LIMIT_MS })).messages
    : 0
  const sent = await warmUp({
    least: scenario.single ? Math.ceil(scenario.warmUp / 4) : scenario.warmUp,
    limitMs: limitOf(scenario, server, WARM_LIMIT_MS),
    time: () => server.threadTime,
    send: async (messages, limitMs) => (await driver.send({ ...load, messages, limitMs })).messages,
  })
  driver.close()
  if (scenario.forwards) await arrival(sink, before + many + sent)
}

/** Milliseconds of warming at most, where the compiler does not come to rest before. */
const WARM_LIMIT_MS = 40_000

const SLOW_LIMIT_MS = 4_000

function limitOf({ slow }: Scenario, { target }: ServerProcess, limitMs: number): number {
  return slow?.includes(target) ? Math.min(limitMs, SLOW_LIMIT_MS) : limitMs
}

/** A scenario, or a step of it whose messages are due at times, in milliseconds from the start. */
type Timed = Scenario & { readonly due?: readonly number[] }

function openFor(scenario: Timed, server: ServerProcess): Promise<Driver> {
  const { socket, port } = server
  const { speaks, sessions, octets, data = makeData(octets) } = scenario
  if (scenario.isWhole) return openTransactions({ port, sessions, due: scenario.due })
  return openDriver(speaks?.[server.target], { socket, sessions, data })
}

async function measureRounds(
  scenario: Scenario,
  { servers, sink }: { readonly servers: readonly ServerProcess[]; readonly sink: ServerProcess },
  { rounds: wanted, roundLimitMs, say, ...how }: MeasureOptions,
): Promise<Figures[]> {
  const rounds = Math.min(wanted, scenario.maxRounds ?? wanted)
  const results = new Map(servers.map((server) => [server, [] as Round[]]))
  // Round 0 is thrown away: the warm-up was each target's alone, and the compiler is not done before the load is as in the rounds.
  for (let round = 0; round <= rounds; round++) {
    // Who is always second meets another machine than who is always first.
    for (const [server, figures] of round % 2 === 0 ? results : [...results].reverse()) {
      say(`round ${round} of ${rounds}: ${server.name}`)
      server.resume()
      const figure = await measureOnce(scenario, { server, sink }, roundLimitMs)
      server.pause()
      if (round > 0) figures.push(figure)
    }
  }
  const calls = new Map<ServerProcess, Calls>()
  for (const server of how.against === undefined && how.profiles === undefined ? servers : []) {
    say(`counting calls of ${server.name}`)
    server.resume()
    const found = await callsOf(scenario, { server, sink }, roundLimitMs)
    server.pause()
    if (found) calls.set(server, found)
  }
  for (const server of servers) server.resume()
  return Promise.all(
    [...results].map(async ([server, rounds]) => {
      const counted = calls.get(server)
      const { peakRss } = await server.usage()
      return { target: server.name, rounds, peakRss, ...(counted && { calls: counted }) }
    }),
  )
}

/** In a round of its own: counting costs time. */
async function callsOf(
  scenario: Timed,
  { server, sink }: { readonly server: ServerProcess; readonly sink: ServerProcess },
  limitMs: number,
): Promise<Calls | undefined> {
  const { pids } = await server.usage()
  const found = await countCalls(pids, async () => {
    const { messages } = await measureOnce(scenario, { server, sink }, limitMs)
    return messages
  })
  return found && { calls: found.counted.calls / found.messages, syncs: found.counted.syncs / found.messages }
}

async function measureOnce(
  scenario: Timed,
  { server, sink }: { readonly server: ServerProcess; readonly sink: ServerProcess },
  limitMs: number,
): Promise<Round & { readonly messages: number }> {
  const arrived = await received(sink)
  // Connections that are to last are there before anything is counted.
  const driver = await openFor(scenario, server)
  const before = await server.usage()
  const started = performance.now()
  const load = { ...loadOf(scenario, server.port), limitMs: limitOf(scenario, server, limitMs) }
  const { messages, waits } = await driver.send(load)
  if (scenario.forwards) await arrival(sink, arrived + messages)
  const ms = performance.now() - started
  // What is still to be done for the last messages is part of their price.
  await sleep(scenario.forwards ? 700 : 100)
  const after = await server.usage()
  driver.close()
  const duplicates = scenario.forwards ? (await received(sink)) - arrived - messages : 0
  if (duplicates > 0) throw new Error(`${server.name}: ${duplicates} messages arrived twice`)
  return {
    messages,
    rate: (messages / ms) * 1000,
    cpu: (after.cpuUs - before.cpuUs) / 1000 / messages,
    ...workOf(before, after, messages),
    ...(scenario.waits && { wait: { p50: median(waits), p99: quantile(waits, 0.99) } }),
  }
}

/** Calls that the answers to the bench's own questions need are a few in thousands. */
function workOf(before: Usage, after: Usage, messages: number): Pick<Round, 'work'> {
  const [from, to] = [before.work, after.work]
  if (!from || !to) return {}
  const each = (name: keyof Work): number => (to[name] - from[name]) / messages
  return {
    work: { reads: each('reads'), writes: each('writes'), copied: each('copied'), stored: each('stored') },
  }
}

function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN
}

async function received(sink: ServerProcess): Promise<number> {
  return (await sink.usage()).received ?? 0
}

const STALL_MS = 30_000

/** Resolves when the sink has this many. @throws {Error} when nothing has come for half a minute: mail was lost */
async function arrival(sink: ServerProcess, count: number): Promise<void> {
  let last = -1
  let since = performance.now()
  for (;;) {
    const now = await received(sink)
    if (now >= count) return
    if (now !== last) since = performance.now()
    else if (performance.now() - since > STALL_MS) throw new Error(`${count - now} messages did not arrive`)
    last = now
    await sleep(5)
  }
}

async function measureIdle({ sessions }: Scenario, servers: readonly ServerProcess[]): Promise<Figures[]> {
  const results: Figures[] = []
  for (const server of servers) {
    server.resume()
    const before = await server.idleUsage()
    const sockets = await openIdle(server.port, sessions)
    const after = await server.idleUsage()
    for (const socket of sockets) socket.destroy()
    results.push({ target: server.name, idle: (after.rss - before.rss) / sessions, rounds: [], peakRss: after.peakRss })
  }
  return results
}

const AT_ONCE = 200

async function openIdle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () =>
      connect({ port, host: '127.0.0.1', noDelay: true }),
    )
    await Promise.all(
      batch.map(async (socket) => {
        await once(socket, 'data')
        socket.write('EHLO client.example\r\n')
        await once(socket, 'data')
        socket.on('error', () => undefined)
      }),
    )
    sockets.push(...batch)
  }
  return sockets
}

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return (low + high) / 2
}
