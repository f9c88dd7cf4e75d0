/** Measures what the arithmetic of `docs/scale.md` needs: the queue in Redis against the embedded one, in turns, in the same run. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DURABLE, startRedis } from '../../cluster/redis.ts'
import { median } from '../measure.ts'
import type { Figures, Row } from './figures.ts'
import type { WorkerFigures, WorkerTask } from './worker.ts'

/** How thoroughly. */
export interface MeasureOptions {
  /** Messages of one measurement, of all processes together. */
  readonly messages: number
  /** Rounds that take turns; the figures are their medians. */
  readonly rounds: number
  say(text: string): void
}

const OCTETS = 5_000
const PROCESSES = [1, 2, 4]

/** All figures. */
export async function measureQueues({ messages, rounds, say }: MeasureOptions): Promise<Figures> {
  const wanted = PROCESSES.flatMap((processes) =>
    (['take', 'take and deliver'] as const).flatMap((step) =>
      (['embedded', 'redis'] as const).map((kind) => ({ kind, processes, step })),
    ),
  )
  const measured: Row[][] = wanted.map(() => [])
  for (let round = 1; round <= rounds; round++)
    for (const [at, each] of wanted.entries()) {
      say(`round ${round} of ${rounds}: ${each.kind}, ${each.processes} processes, ${each.step}`)
      measured[at]?.push(await measure(each, messages))
    }
  return { octets: OCTETS, cores: cpus().length, rows: measured.map(middle) }
}

function middle(rows: readonly Row[]): Row {
  const [first] = rows
  if (!first) throw new Error('there was no round')
  const of = (field: 'perSecond' | 'cpuMs' | 'redisCpuMs' | 'memoryOctets'): number =>
    median(rows.map((row) => row[field] ?? Number.NaN))
  return {
    ...first,
    perSecond: of('perSecond'),
    cpuMs: of('cpuMs'),
    ...(first.redisCpuMs !== undefined && { redisCpuMs: of('redisCpuMs') }),
    ...(first.memoryOctets !== undefined && { memoryOctets: of('memoryOctets') }),
  }
}

type Wanted = Pick<Row, 'kind' | 'processes' | 'step'>

async function measure(wanted: Wanted, messages: number): Promise<Row> {
  if (wanted.kind === 'embedded') {
    const folder = mkdtempSync(join(tmpdir(), 'pr-measure-'))
    try {
      return await load(wanted, { where: folder, messages, usage: async () => ({ cpuMs: 0, memory: 0 }) })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  await using redis = await startRedis(DURABLE)
  return await load(wanted, { where: redis.url, messages, usage: () => usageOf(redis) })
}

interface Usage {
  readonly cpuMs: number
  readonly memory: number
}

async function load(
  wanted: Wanted,
  { where, messages, usage }: { readonly where: string; readonly messages: number; usage(): Promise<Usage> },
): Promise<Row> {
  const { kind, processes, step } = wanted
  const task: WorkerTask = {
    kind,
    where,
    messages: Math.ceil(messages / processes),
    octets: OCTETS,
    enqueueOnly: step === 'take',
  }
  const script = join(import.meta.dirname, 'worker.ts')
  const workers = Array.from({ length: processes }, () =>
    fork(script, [JSON.stringify(task)], { execArgv: ['--conditions=@postroad/source'] }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const before = await usage()
  const started = performance.now()
  for (const worker of workers) worker.send('go')
  const said = (await Promise.all(workers.map((worker) => once(worker, 'message')))).map(
    ([figures]) => figures as WorkerFigures,
  ) // see worker.ts
  const ms = performance.now() - started
  const after = await usage()
  await Promise.all(workers.map((worker) => (worker.exitCode === null ? once(worker, 'exit') : undefined)))
  const total = task.messages * processes
  return {
    ...wanted,
    perSecond: (total / ms) * 1_000,
    cpuMs: said.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / total,
    ...(kind === 'redis' && { redisCpuMs: (after.cpuMs - before.cpuMs) / total }),
    ...(kind === 'redis' && step === 'take' && { memoryOctets: (after.memory - before.memory) / total }),
  }
}

async function usageOf(redis: { command(...args: string[]): Promise<unknown> }): Promise<Usage> {
  const info = `${await redis.command('info', 'cpu')}\n${await redis.command('info', 'memory')}`
  const field = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0)
  return { cpuMs: (field('used_cpu_sys') + field('used_cpu_user')) * 1_000, memory: field('used_memory') }
}
