/** From the start of a program to its first banner, and what it holds when nobody has come after that. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../interop/loopback.ts'
import { commandLine } from './command-target.ts'
import { clearFolder, makeFolder } from './folder.ts'
import type { Figures, MeasureOptions, Round } from './measure.ts'
import { usageOfTree } from './process-tree.ts'
import { stopChild } from './stop-child.ts'

/** Milliseconds without a client, after which its memory is read. */
const IDLE_MS = 2_000
const LIMIT_MS = 30_000

/** By the name of a target: what node is told, in a folder, to listen on a port. */
const PROGRAMS: Readonly<Record<string, (folder: string, port: number, tree?: string) => string[]>> = {
  'node-banner': (folder, port) => {
    const file = join(folder, 'banner.mjs')
    writeFileSync(
      file,
      `import { createServer } from 'node:net'\ncreateServer((socket) => socket.end('220 banner\\r\\n')).listen(${port}, '127.0.0.1')\n`,
    )
    return [file]
  },
  'postroad-start': (folder, port, tree) => commandLine({ folder, port, sinkPort: 0 }, 'accept', tree),
  'postroad-start-queue': (folder, port, tree) => commandLine({ folder, port, sinkPort: 25 }, 'queue', tree),
}

/** Rounds take turns; one that is not counted comes first, so that the files have been read. */
export async function measureStarts(
  targets: readonly string[],
  { rounds, against, say }: MeasureOptions,
): Promise<Figures[]> {
  const trees = against === undefined ? [undefined] : [undefined, against]
  const all = targets.flatMap((target) =>
    trees.map((tree) => ({
      target,
      tree,
      name: tree === undefined ? target : `${target}@before`,
      starts: [] as Start[],
    })),
  )
  for (let round = 0; round <= rounds; round++)
    for (const { target, tree, name, starts } of round % 2 === 0 ? all : all.toReversed()) {
      say(`round ${round} of ${rounds}: ${name}`)
      const start = await startOnce(target, tree)
      if (round > 0) starts.push(start)
    }
  return all.map(({ name, starts }) => ({
    target: name,
    rounds: starts.map(({ round }) => round),
    peakRss: starts.map(({ rss }) => rss).toSorted((a, b) => a - b)[starts.length >> 1] ?? Number.NaN,
  }))
}

interface Start {
  readonly round: Round
  readonly rss: number
}

async function startOnce(target: string, tree: string | undefined): Promise<Start> {
  const folder = makeFolder()
  try {
    const [port = 0] = await freePorts(1)
    const args = PROGRAMS[target]?.(folder, port, tree)
    if (args === undefined) throw new Error(`no program is called ${target}`)
    const started = performance.now()
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
    try {
      await banner(port, started + LIMIT_MS)
      const ms = performance.now() - started
      const { cpuUs } = usageOfTree(child.pid ?? 0)
      await sleep(IDLE_MS)
      const { rss } = usageOfTree(child.pid ?? 0)
      return { round: { rate: 1_000 / ms, cpu: cpuUs / 1_000, wait: { p50: ms, p99: ms } }, rss }
    } finally {
      await stopChild(child)
    }
  } finally {
    clearFolder(folder)
  }
}

/** Resolves with the first octets of whoever listens there. */
async function banner(port: number, until: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'data')
      return
    } catch (error) {
      if (performance.now() > until) throw error
    } finally {
      socket.destroy()
    }
    await sleep(2)
  }
}
