/** The thread on which password hashes are computed: takes work, answers with the hash or with what went wrong. */
import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { type HashWork, hashNow } from './work.ts'

/** What the thread says of a piece of work. */
export type HashAnswer = { readonly hash: Uint8Array } | { readonly error: unknown }

const NICE = 10

// On Linux the priority is the thread's own: where there is one core only, mail goes before guesses.
if (process.platform === 'linux') giveWay()

parentPort?.on('message', (work: HashWork) => {
  parentPort?.postMessage(answer(work))
})

function giveWay(): void {
  try {
    // A service that is nice already may not become less so.
    if (getPriority() < NICE) setPriority(NICE)
  } catch {
    // A sandbox that forbids it: a thread that does not give way is better than no logins.
  }
}

function answer(work: HashWork): HashAnswer {
  try {
    return { hash: hashNow(work) }
  } catch (error) {
    return { error }
  }
}
