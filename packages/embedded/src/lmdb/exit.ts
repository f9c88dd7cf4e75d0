/** Threads of LMDB that write, and a process that exits meanwhile. */

let threads = 0
let isArmed = false

/**
 * A thread of lmdb begins to write; it is gone when what this returns is called. A process that exits meanwhile would wait for the thread,
 * which waits for it, for ever and with the file locked to every other process; or lmdb's own listener would take the file from under the
 * thread. It is killed instead, which takes nothing from the file. That comes before all other listeners, because lmdb's may be any of them.
 */
export function threadBegins(): () => void {
  if (!isArmed) process.prependListener('exit', killIfWriting)
  isArmed = true
  threads++
  return () => {
    threads--
  }
}

function killIfWriting(): void {
  if (threads > 0) process.kill(process.pid, 'SIGKILL')
}
