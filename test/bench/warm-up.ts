/** Messages until a target is as fast as it becomes: V8 compiles what is hot on threads of its own, and these can be watched. */
import type { ThreadTime } from './process-tree.ts'

/** The compiler is done when its part of all CPU time is below this, two times in a row, ... */
const SHARE = 0.05
/** ... or so few microseconds a message: what is measured is not written in JavaScript. */
const LEAST_US = 1
/** What does not come to rest is measured as it is, after so many times the messages it should have got. */
const MOST = 5

/** How a target is warmed. */
export interface WarmUp {
  /** Messages before anything is looked at. */
  readonly least: number
  /** Milliseconds after which nothing more is sent. */
  readonly limitMs: number
  /** How long its threads have run until now. */
  time(): ThreadTime
  /** Sends so many, within a time, and says how many it were. */
  send(messages: number, limitMs: number): Promise<number>
}

/**
 * Sends messages until the compiler is done. A function that was thrown away because it met something new comes back to the compiler
 * after a while of rest, which is why one look is not enough.
 *
 * @returns how many were sent
 */
export async function warmUp({ least, limitMs, time, send }: WarmUp): Promise<number> {
  const end = performance.now() + limitMs
  const left = (): number => end - performance.now()
  let sent = await send(least, limitMs)
  const step = Math.ceil(least / 3)
  for (let calm = 0; calm < 2 && sent < least * MOST && left() > 0; ) {
    const before = time()
    const messages = await send(step, left())
    const after = time()
    sent += messages
    const compiler = after.compiler - before.compiler
    calm = compiler < Math.max((after.all - before.all) * SHARE, messages * LEAST_US) ? calm + 1 : 0
  }
  return sent
}
