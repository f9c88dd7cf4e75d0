/** The thread on which password hashes are computed: takes work, answers with the hash or with what went wrong. */
import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { type HashWork, hashNow } from './work.ts'

/** What the thread says of a piece of work. */
export type HashAnswer = { readonly hash: Uint8Array } | { readonly error: unknown }

// On Linux the priority is the thread's own: where there is one core only, mail goes before guesses.
if (process.platform === 'linux') setPriority(10)

parentPort?.on('message', (work: HashWork) => {
  parentPort?.postMessage(answer(work))
})

function answer(work: HashWork): HashAnswer {
  try {
    return { hash: hashNow(work) }
  } catch (error) {
    return { error }
  }
}
