/** Transactions of LMDB from which a process can still exit. */
import type { RootDatabase } from 'lmdb'

let running = 0

/**
 * `root.transaction(action)`. A process that exits meanwhile would wait for lmdb's thread, which waits for `action` or for the lock: for
 * ever, with the file locked to every other process. It is killed instead, which takes nothing from the file.
 */
export async function transactOnce(root: Pick<RootDatabase, 'transaction'>, action: () => void): Promise<void> {
  if (running++ === 0) process.on('exit', die)
  try {
    await root.transaction(action)
  } finally {
    if (--running === 0) process.off('exit', die)
  }
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}
