/** Transactions of LMDB from which a process can still exit. */
import type { RootDatabase } from 'lmdb'

let running = 0

/**
 * `root.transaction(action)`. A process that exits meanwhile would wait for lmdb's thread, which waits for `action`: for ever, with the
 * file locked to every other process. It is killed instead, which takes nothing from the file.
 */
export async function transact<T>(root: Pick<RootDatabase, 'transaction'>, action: () => T): Promise<T> {
  if (running++ === 0) process.on('exit', die)
  try {
    return await root.transaction(action)
  } finally {
    if (--running === 0) process.off('exit', die)
  }
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}
