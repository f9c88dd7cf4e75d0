/** Where the octets of a message go while they arrive: the store of its content, and whoever listens at `receive`. */

import { type ContentWriter, createContentWriter, type Stored } from '@postroad/message'
import type { ReceiveSink } from '@postroad/plugin'
import type { ContentSink, Maybe, WireReply } from '@postroad/smtp'
import type { AnyHandler, Handler } from '../plan/handler.ts'
import type { ContentMemory } from '../policy/content-memory.ts'
import { after } from '../run/after.ts'
import { HookCall, NOTHING } from '../run/call.ts'
import { sink as asSink } from '../run/check.ts'
import { Failure, guarded, invoke, type Part } from '../run/guard.ts'
import type { Scope } from '../session/scope.ts'
import type { Transaction } from '../session/transaction.ts'

/**
 * A listening plugin: what it does with the message is a part of its handler, and runs under the same guard. The parts are functions of the
 * class and get the tap: a function made for each tap has cost a third of the CPU, because V8 then moved what the plugin knew of the message
 * to the old generation, message after message (decision 0103).
 */
class Tap implements Part {
  readonly handler: AnyHandler
  readonly call: HookCall
  readonly #sink: ReceiveSink
  #chunk: Uint8Array | undefined

  constructor(handler: AnyHandler, call: HookCall, sink: ReceiveSink) {
    this.handler = handler
    this.call = call
    this.#sink = sink
  }

  write(chunk: Uint8Array): Maybe<Failure | undefined> {
    this.#chunk = chunk
    return guarded(this, Tap.#write, this)
  }

  end(): Maybe<Failure | undefined> {
    return guarded(this, Tap.#end, this)
  }

  abort(): void {
    void guarded(this, Tap.#abort, this)
  }

  static #write(tap: Tap): unknown {
    const chunk = tap.#chunk as Uint8Array // `write` has just put it there
    tap.#chunk = undefined
    return tap.#sink.write(chunk)
  }

  static #end(tap: Tap): unknown {
    return tap.#sink.end?.()
  }

  static #abort(tap: Tap): unknown {
    return tap.#sink.abort?.()
  }
}

export type Taps = readonly Tap[]

const NONE: Taps = []

/** Opens what listens at `receive`, before 354; a failure that is worth something is the answer to DATA. */
export function openTaps(transaction: Transaction): Maybe<Taps | Failure> {
  const handlers = transaction.scope.table.receive
  return handlers ? collectTaps(handlers, new HookCall('receive', transaction, NOTHING)) : NONE
}

function collectTaps(
  handlers: readonly Handler<'receive'>[],
  call: HookCall<'receive'>,
  taps: readonly Tap[] = [],
): Maybe<Taps | Failure> {
  const [handler, ...rest] = handlers
  if (!handler) return taps
  const heard = (sink: ReceiveSink | Failure | undefined): Maybe<Taps | Failure> => {
    if (sink instanceof Failure && sink.refusal) {
      abortTaps(taps)
      return sink
    }
    const isListening = sink !== undefined && !(sink instanceof Failure)
    return collectTaps(rest, call, isListening ? [...taps, new Tap(handler, call, sink)] : taps)
  }
  const sink = invoke(handler, call, asSink)
  return after(sink, heard)
}

/** Tells those who listen that there is no more to hear. */
export function abortTaps(taps: Taps): void {
  for (const tap of taps) tap.abort()
}

/** One message coming in. */
export class IncomingContent implements ContentSink {
  readonly #writer: ContentWriter
  readonly #memory: ContentMemory
  #isOver = false
  #taps: readonly Tap[]
  readonly #isHeard: boolean
  /** The first listener that failed and is worth something: the message's fate. */
  failure: Failure | undefined

  /** @param taken where it is written, if somebody takes the file over */
  constructor({ memory, spool }: Scope, taps: readonly Tap[], taken: string | undefined) {
    this.#writer = createContentWriter({
      memoryLimit: memory.open(taken !== undefined),
      folder: taken ?? spool,
      keepsName: taken !== undefined,
    })
    this.#memory = memory
    this.#taps = taps
    this.#isHeard = taps.length > 0
  }

  write(chunk: Uint8Array, isAlone = false): void | Promise<void> {
    // What a listener has heard it may have kept.
    const stored = this.#writer.write(chunk, isAlone && !this.#isHeard)
    if (this.#taps.length === 0) return stored
    const heard = this.#tellTaps(chunk)
    if (!stored) return heard
    return heard ? Promise.all([stored, heard]).then(() => undefined) : stored
  }

  /** All bytes are there; `hasOnlyCrlf` is what the wire says of them. */
  finish(hasOnlyCrlf = false): Maybe<Stored> {
    const heard = this.#tellTaps(undefined)
    return heard ? heard.then(() => this.#writer.finish(hasOnlyCrlf)) : this.#writer.finish(hasOnlyCrlf)
  }

  /** Nobody reads it any more; its memory may be another's. */
  release(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#memory.close()
  }

  abort(): void {
    this.release()
    abortTaps(this.#taps)
    this.#taps = []
    void this.#writer.abort()
  }

  /** The next octets, or that there are no more. */
  #tellTaps(chunk: Uint8Array | undefined): void | Promise<void> {
    let pending: Promise<void>[] | undefined
    for (const tap of this.#taps) {
      const heard = after(chunk ? tap.write(chunk) : tap.end(), IncomingContent.#heard, this, tap)
      if (heard) (pending ??= []).push(heard)
    }
    return pending && Promise.all(pending).then(() => undefined)
  }

  /** A listener that failed hears no more. */
  static #heard(result: Failure | undefined, incoming: IncomingContent, tap: Tap): void {
    if (!result) return
    incoming.#taps = incoming.#taps.filter((other) => other !== tap)
    if (result.refusal) incoming.failure ??= result
  }
}

/** The answer to DATA when a listener could not be opened. */
export function tapsFailed(failure: Failure): WireReply | undefined {
  const { refusal } = failure
  return refusal && { code: refusal.code, status: refusal.status, text: refusal.text, disconnect: refusal.disconnect }
}
