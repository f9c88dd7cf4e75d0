/** The end of a program that a target has started. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Asks it to end, and resolves when it has; at once when it has already. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}
