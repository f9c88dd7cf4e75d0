/** Several processes on the same sockets: a worker that dies is replaced, and loses nothing that was acknowledged. */
import cluster, { type Worker } from 'node:cluster'
import { availableParallelism } from 'node:os'

/** Milliseconds: a worker that lives shorter than this counts as one that cannot start. */
const HEALTHY = 10_000
/** So many of those in a row, and the supervisor gives up. */
const ATTEMPTS = 5

/** True in a worker: it serves; the supervisor only watches. */
export function isWorker(): boolean {
  return cluster.isWorker
}

/** How many, from `--workers 4` or `--workers auto`. @throws {RangeError} when it is neither */
export function parseWorkers(text: string): number {
  if (text === 'auto') return availableParallelism()
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 256)
    throw new RangeError(`--workers is a whole number from 1 to 256, or auto, not "${text}"`)
  return count
}

/** Runs the workers until a signal ends them; resolves to the exit code: 0 when all drained. */
export function supervise(count: number): Promise<number> {
  return new Promise((resolve) => {
    const born = new Map<Worker, number>()
    let stopping = false
    let failures = 0
    let code = 0
    const spawn = (): void => {
      born.set(cluster.fork(), Date.now())
    }
    const stop = (signal: NodeJS.Signals): void => {
      stopping = true
      for (const worker of born.keys()) worker.process.kill(signal)
    }
    cluster.on('exit', (worker, exit, signal) => {
      const age = Date.now() - (born.get(worker) ?? 0)
      born.delete(worker)
      if (!stopping) {
        failures = age < HEALTHY ? failures + 1 : 0
        process.stderr.write(
          `worker ${worker.process.pid} ended (${signal ?? exit}); ${failures < ATTEMPTS ? 'another takes its place' : 'giving up'}\n`,
        )
        if (failures < ATTEMPTS) return spawn()
        code = 1
        stop('SIGTERM')
        // A worker that had not begun to serve ends by the signal itself.
      } else if (exit !== 0 && signal === null) code = 1
      if (born.size === 0) resolve(code)
    })
    process.on('SIGINT', stop).on('SIGTERM', stop)
    process.on('SIGHUP', () => {
      for (const worker of born.keys()) worker.process.kill('SIGHUP')
    })
    for (let i = 0; i < count; i++) spawn()
  })
}
