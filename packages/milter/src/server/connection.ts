/** One connection of a mail server: octets in and out, one command at a time, and its clocks. */
import type { Socket } from 'node:net'
import type { AskedConnection } from '@postroad/listener'
import type { CloseReason } from '@postroad/mail'
import type { Maybe } from '@postroad/smtp'
import { MilterError } from '../errors.ts'
import { FrameReader, FrameWriter } from '../frame.ts'
import { ANSWER } from '../word.ts'
import { type CurrentScope, MilterSession } from './session.ts'

/** What a connection has of its listener. */
export interface ListenerContext {
  readonly listener: string
  current(): CurrentScope
  readonly stress: () => boolean
  readonly clocks: () => Clocks
  report(error: unknown): void
}

/** Milliseconds. */
export interface Clocks {
  readonly idleTimeoutMs: number
  readonly frameTimeoutMs: number
  readonly progressMs: number
}

/** Octets that may wait while a command is dealt with, before the socket is left alone. */
const WAITING = 65_536
const PROGRESS = new FrameWriter().add(ANSWER.progress).take()

/** Reads, hands frames to its session, and writes what that answers. */
export class MilterConnection implements AskedConnection {
  readonly #socket: Socket
  readonly #context: ListenerContext
  readonly #reader = new FrameReader()
  readonly #out = new FrameWriter()
  readonly #session: MilterSession
  /** A command is being dealt with; nothing more is read meanwhile. */
  #isBusy = false
  #isEnding = false
  #isClosing = false
  #waiting = 0
  /** Since when there is nothing but waiting for the server, or for us. */
  #since: number
  /** Since when it does not read what is written. */
  #blockedSince: number | undefined

  constructor(socket: Socket, context: ListenerContext) {
    this.#socket = socket
    this.#context = context
    this.#since = performance.now()
    this.#session = new MilterSession({
      listener: context.listener,
      out: this.#out,
      current: () => context.current(),
      stress: context.stress,
      flush: () => this.#flush(),
      end: () => {
        this.#isEnding = true
      },
      report: (error) => context.report(error),
    })
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => {}) // how it ends does not matter: `close` follows
    socket.once('close', () => this.#session.close(this.#isClosing ? 'server' : 'client'))
  }

  /** A look at its clocks. */
  look(now: number): void {
    const { idleTimeoutMs, frameTimeoutMs, progressMs } = this.#context.clocks()
    if (this.#blockedSince !== undefined) {
      if (now - this.#blockedSince > frameTimeoutMs) this.destroy('timeout')
    } else if (this.#isBusy) this.#progress(now, progressMs)
    else if (now - this.#since > (this.#reader.isWithin ? frameTimeoutMs : idleTimeoutMs)) this.destroy('timeout')
  }

  /** Ends when nothing is under way, or as soon as it is over. */
  close(): void {
    this.#isClosing = true
    if (!this.#isBusy && !this.#session.isInTransaction) this.#end()
  }

  destroy(reason: CloseReason = 'server'): void {
    this.#session.close(reason)
    this.#socket.destroy()
  }

  /** Handlers take their time: the server is told that somebody is at work. */
  #progress(now: number, progressMs: number): void {
    if (now - this.#since < progressMs || !this.#session.mayProgress || this.#socket.writableNeedDrain) return
    this.#since = now
    this.#socket.write(PROGRESS)
  }

  #take(chunk: Buffer): void {
    // The beginning of a frame has its time, however slowly the rest comes.
    if (!this.#reader.isWithin) this.#since = performance.now()
    this.#reader.push(chunk)
    if (!this.#isBusy) this.#run()
    else {
      this.#waiting += chunk.length
      // The end of the connection is only seen while it is read.
      if (this.#waiting > WAITING) this.#socket.pause()
    }
  }

  #run(): void {
    let waits: Maybe<void>
    try {
      waits = this.#takeFrames() ?? this.#flush()
    } catch (error) {
      this.#fail(error)
      return
    }
    if (waits) this.#wait(waits)
    else if (this.#isEnding || (this.#isClosing && !this.#session.isInTransaction)) this.#end()
  }

  /** All that are there, or those before one that takes its time. */
  #takeFrames(): Maybe<void> {
    while (!this.#isEnding) {
      const frame = this.#reader.next()
      if (!frame) return
      const done = this.#session.take(frame)
      if (done) return done
    }
  }

  #wait(done: Promise<void>): void {
    this.#isBusy = true
    this.#since = performance.now()
    // What is answered already need not wait.
    void this.#flush()
    done.then(
      () => this.#goOn(),
      (error: unknown) => this.#fail(error),
    )
  }

  #goOn(): void {
    this.#isBusy = false
    this.#since = performance.now()
    if (this.#socket.destroyed) return
    if (this.#waiting > WAITING) this.#socket.resume()
    this.#waiting = 0
    this.#run()
  }

  /** Nothing that the other end says can be believed: its own default decides about the mail. */
  #fail(error: unknown): void {
    if (this.#socket.destroyed) return
    this.#context.report(
      error instanceof MilterError ? new MilterError(`${this.#context.listener}: ${error.message}`) : error,
    )
    this.destroy('error')
  }

  #end(): void {
    this.#isEnding = true
    this.#session.close(this.#isClosing ? 'server' : 'quit')
    this.#socket.end()
  }

  #flush(): Maybe<void> {
    if (this.#out.length === 0 || this.#socket.destroyed || this.#socket.write(this.#out.take())) return undefined
    this.#blockedSince ??= performance.now()
    return new Promise((resolve) => {
      const go = (): void => {
        this.#blockedSince = undefined
        this.#socket.off('drain', go)
        this.#socket.off('close', go)
        resolve()
      }
      this.#socket.on('drain', go)
      this.#socket.on('close', go)
    })
  }
}
