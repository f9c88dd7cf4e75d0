/** Threads of LMDB that write, and a process that exits meanwhile. */
import { writeSync } from 'node:fs'
import { inspect } from 'node:util'

let threads = 0
let isArmed = false
/** The error that nobody has caught, while the process ends by it. */
let fatal: { readonly error: unknown } | undefined

/**
 * A thread of lmdb begins to write; it is gone when what this returns is called. A process that exits meanwhile would wait for the thread,
 * which waits for it, for ever and with the file locked to every other process; or lmdb's own listener would take the file from under the
 * thread. It is killed instead, which takes nothing from the file. That comes before all other listeners, because lmdb's may be any of them.
 */
export function threadBegins(): () => void {
  if (!isArmed) {
    process.prependListener('exit', killIfWriting)
    process.on('uncaughtExceptionMonitor', remember)
  }
  isArmed = true
  threads++
  return () => {
    threads--
  }
}

function remember(error: unknown): void {
  fatal = { error }
  // Who has caught it goes on.
  setImmediate(() => {
    fatal = undefined
  })
}

function killIfWriting(): void {
  if (threads === 0) return
  // Node.js would say it after this, and the process would end without a word.
  if (fatal) tell(fatal.error)
  process.kill(process.pid, 'SIGKILL')
}

function tell(error: unknown): void {
  try {
    writeSync(2, `${inspect(error)}\n`)
  } catch {
    // Nobody reads it.
  }
}
