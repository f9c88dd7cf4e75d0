/** Where the bytes of a message go while they arrive: the body store, and whoever listens at `receive`. */

import { type BodyWriter, createBodyWriter, type Stored } from '@postroad/message'
import type { ReceiveSink } from '@postroad/plugin'
import type { Body, Maybe, WireReply } from '@postroad/smtp'
import type { Entry } from '../plan/handler.ts'
import type { BodyMemory } from '../policy/body-memory.ts'
import { Frame } from '../run/call.ts'
import { sink as asSink } from '../run/check.ts'
import { Failure, guarded, invoke } from '../run/guard.ts'
import type { SessionState } from '../session/session.ts'

/** A listening plugin. */
class Ear {
  /** Runs {@link call} under the guard of the plugin's own handler. */
  readonly entry: Entry
  readonly frame: Frame
  call: (sink: ReceiveSink) => unknown = () => undefined

  constructor(entry: Entry, frame: Frame, sink: ReceiveSink) {
    this.entry = { ...entry, when: undefined, handler: () => this.call(sink) }
    this.frame = frame
  }
}

export type Ears = readonly Ear[]

const NONE: Ears = []

/** Opens what listens at `receive`, before 354; a failure that is worth something is the answer to DATA. */
export function openEars(session: SessionState): Maybe<Ears | Failure> {
  const plan = session.runtime.plan.receive
  return plan ? collectEars(plan.flat(), new Frame('receive', session)) : NONE
}

function collectEars(entries: readonly Entry[], frame: Frame, ears: readonly Ear[] = []): Maybe<Ears | Failure> {
  const [entry, ...rest] = entries
  if (!entry) return ears
  const heard = (sink: ReceiveSink | Failure | undefined): Maybe<Ears | Failure> => {
    if (sink instanceof Failure && sink.refusal) {
      abortEars(ears)
      return sink
    }
    const isListening = sink !== undefined && !(sink instanceof Failure)
    return collectEars(rest, frame, isListening ? [...ears, new Ear(entry, frame, sink)] : ears)
  }
  const sink = invoke(entry, frame, asSink)
  return sink instanceof Promise ? sink.then(heard) : heard(sink)
}

/** Tells those who listen that there is no more to hear. */
export function abortEars(ears: Ears): void {
  for (const ear of ears) {
    ear.call = (sink) => sink.abort?.()
    void guarded(ear.entry, ear.frame)
  }
}

/** One message coming in. */
export class IncomingBody implements Body {
  readonly #writer: BodyWriter
  readonly #memory: BodyMemory
  #isOver = false
  #ears: readonly Ear[]
  /** The first listener that failed and is worth something: the message's fate. */
  failure: Failure | undefined

  constructor(session: SessionState, ears: readonly Ear[]) {
    this.#writer = createBodyWriter({ memoryLimit: session.runtime.memory.open(), folder: session.runtime.spool })
    this.#memory = session.runtime.memory
    this.#ears = ears
  }

  write(chunk: Uint8Array): void | Promise<void> {
    const stored = this.#writer.write(chunk)
    if (this.#ears.length === 0) return stored
    const heard = this.#tellEars((sink) => sink.write(chunk))
    if (!stored) return heard
    return heard ? Promise.all([stored, heard]).then(() => undefined) : stored
  }

  /** All bytes are there. */
  async finish(): Promise<Stored> {
    const heard = this.#tellEars((sink) => sink.end?.())
    if (heard) await heard
    return this.#writer.finish()
  }

  /** Nobody reads it any more; its memory may be another's. */
  release(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#memory.close()
  }

  abort(): void {
    this.release()
    abortEars(this.#ears)
    this.#ears = []
    void this.#writer.abort()
  }

  #tellEars(call: Ear['call']): void | Promise<void> {
    let pending: Promise<unknown>[] | undefined
    for (const ear of this.#ears) {
      ear.call = call
      const result = guarded(ear.entry, ear.frame)
      if (result instanceof Promise) (pending ??= []).push(result.then((late) => this.#heard(ear, late)))
      else this.#heard(ear, result)
    }
    return pending && Promise.all(pending).then(() => undefined)
  }

  /** A listener that failed hears no more. */
  #heard(ear: Ear, result: Failure | undefined): void {
    if (!result) return
    this.#ears = this.#ears.filter((other) => other !== ear)
    if (result.refusal) this.failure ??= result
  }
}

/** The answer to DATA when a listener could not be opened. */
export function earsFailed(failure: Failure): WireReply | undefined {
  const { refusal } = failure
  return refusal && { code: refusal.code, status: refusal.status, text: refusal.text, disconnect: refusal.disconnect }
}
