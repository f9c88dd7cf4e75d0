/**
 * Measures what the arithmetic of `docs/scale.md` needs, the queue in Redis against the embedded one in the same run:
 *
 *     node --conditions=@postroad/source test/bench/simulate/measure.ts [messages] > figures.json
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DURABLE, startRedis } from '../../cluster/redis.ts'
import type { Figures, Row } from './figures.ts'
import type { WorkerFigures, WorkerTask } from './worker.ts'

const OCTETS = 5_000
const messages = Number(process.argv[2] ?? 4_000)

const rows: Row[] = []
for (const processes of [1, 2, 4]) {
  for (const enqueueOnly of [true, false]) {
    for (const kind of ['embedded', 'redis'] as const) rows.push(await measure(kind, { processes, enqueueOnly }))
  }
}
const figures: Figures = { octets: OCTETS, cores: cpus().length, rows }
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)

async function measure(kind: WorkerTask['kind'], { processes, enqueueOnly }: { processes: number; enqueueOnly: boolean }): Promise<Row> {
  if (kind === 'redis') {
    await using redis = await startRedis(DURABLE)
    const before = await usage(redis)
    const row = await load({ kind, where: redis.url, messages: messages / processes, octets: OCTETS, enqueueOnly }, processes)
    const after = await usage(redis)
    const each = (from: number, to: number): number => (to - from) / messages
    return {
      ...row,
      redisCpuMs: each(before.cpuMs, after.cpuMs),
      ...(enqueueOnly && { memoryOctets: Math.round(each(before.memory, after.memory)) }),
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'pr-measure-'))
  try {
    return await load({ kind, where: folder, messages: messages / processes, octets: OCTETS, enqueueOnly }, processes)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function load(task: WorkerTask, processes: number): Promise<Row> {
  const script = join(import.meta.dirname, 'worker.ts')
  const workers = Array.from({ length: processes }, () =>
    fork(script, [JSON.stringify(task)], { execArgv: ['--conditions=@postroad/source'] }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const started = performance.now()
  for (const worker of workers) worker.send('go')
  const said = (await Promise.all(workers.map((worker) => once(worker, 'message')))).map(([figures]) => figures as WorkerFigures) // see worker.ts
  const ms = performance.now() - started
  await Promise.all(workers.map((worker) => (worker.exitCode === null ? once(worker, 'exit') : undefined)))
  const total = task.messages * processes
  return {
    kind: task.kind,
    processes,
    step: task.enqueueOnly ? 'take' : 'take and deliver',
    perSecond: Math.round((total / ms) * 1_000),
    cpuMs: said.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / total,
  }
}

async function usage(redis: { command(...args: string[]): Promise<unknown> }): Promise<{ cpuMs: number; memory: number }> {
  const info = `${await redis.command('info', 'cpu')}\n${await redis.command('info', 'memory')}`
  const field = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0)
  return { cpuMs: (field('used_cpu_sys') + field('used_cpu_user')) * 1_000, memory: field('used_memory') }
}
