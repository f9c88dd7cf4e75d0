/** The mail server's end of one connection to a filter: frames go out, answers are waited for, and nothing is waited for without a limit. */
import { createConnection, type Socket } from 'node:net'
import { type Answer, parseAnswer } from '../answer.ts'
import { MilterError } from '../errors.ts'
import { FrameReader } from '../frame.ts'

/** Where a filter listens. */
export type FilterAddress = { readonly path: string } | { readonly host: string; readonly port: number }

/** How long one answer may take, milliseconds. */
export interface AnswerClock {
  /** Until the answer, or until the filter says that it is at work. */
  readonly idle: number
  /** In all, however often it says so. */
  readonly limit: number
}

/** Octets that wait to be sent, from which on the sender waits as well. */
const HIGH = 131_072

/** One connection. Whatever goes wrong ends it: what a filter says after a mistake cannot be believed. */
export class FilterConnection {
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #answers: Answer[] = []
  #failure: MilterError | undefined
  #isOver = false
  /** Something may have happened for which somebody waits. */
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('drain', () => this.#wake?.())
    socket.on('error', (cause) => this.fail(new MilterError(`the connection broke: ${cause.message}`, { cause })))
    socket.on('close', () => this.fail(new MilterError('it closed the connection')))
  }

  /** @throws {MilterError} when nobody listens there, or does not take it in time */
  static async open(at: FilterAddress, ms: number): Promise<FilterConnection> {
    const socket = 'path' in at ? createConnection(at.path) : createConnection({ ...at, noDelay: true })
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => over(new MilterError(`it did not take a connection within ${ms} ms`)), ms)
      const over = (error: MilterError): void => {
        clearTimeout(late)
        socket.destroy()
        reject(error)
      }
      const broken = (cause: Error): void => over(new MilterError(`it cannot be reached: ${cause.message}`, { cause }))
      socket.once('error', broken)
      socket.once('connect', () => {
        clearTimeout(late)
        socket.off('error', broken)
        resolve(new FilterConnection(socket))
      })
    })
  }

  /** It can be used no more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Sends; a promise while too much waits to be sent. */
  send(octets: Uint8Array, clock: AnswerClock): void | Promise<void> {
    if (this.#failure) throw this.#failure
    if (octets.length === 0 || this.#socket.write(octets) || this.#socket.writableLength < HIGH) return
    return this.#sent(clock)
  }

  async #sent(clock: AnswerClock): Promise<void> {
    await this.#until(() => this.#socket.writableLength < HIGH, clock.limit, 'it did not read within')
  }

  /**
   * The next answer that is not `progress`.
   *
   * @throws {MilterError} when it is late, the connection ends, or what comes is no answer
   */
  async answer(clock: AnswerClock): Promise<Answer> {
    const end = performance.now() + clock.limit
    for (;;) {
      const left = end - performance.now()
      const isLast = left <= clock.idle
      await this.#until(
        () => this.#answers.length > 0,
        Math.max(0, Math.min(clock.idle, left)),
        isLast && clock.limit > clock.idle
          ? `it was at work for more than ${clock.limit} ms; no answer within`
          : 'no answer within',
      )
      const answer = this.#answers.shift()
      if (this.#answers.length === 0) this.#socket.resume()
      if (answer !== undefined && answer.kind !== 'progress') return answer
    }
  }

  /** Says the last words, and closes; a filter that does not read them is not waited for. */
  end(octets: Uint8Array): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure ??= new MilterError('the session is over')
    const { writableLength } = this.#socket
    if (writableLength > 0) this.#socket.destroy()
    else this.#socket.end(octets, () => this.#socket.destroy())
    this.#wake?.()
  }

  /** Ends it, as broken. */
  fail(error: MilterError): void {
    this.#isOver = true
    // What came before the end is still an answer; the failure is met when those are used up.
    this.#failure ??= error
    this.#socket.destroy()
    this.#wake?.()
  }

  #take(chunk: Buffer): void {
    try {
      this.#reader.push(chunk)
      for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) {
        const answer = parseAnswer(frame)
        // A piece of a body is a view of what arrived, and is read at once by who waits.
        this.#answers.push(answer)
      }
      if (this.#answers.length > 0) this.#socket.pause()
    } catch (error) {
      this.fail(error instanceof MilterError ? error : new MilterError(String(error), { cause: error }))
    }
    this.#wake?.()
  }

  #until(isThere: () => boolean, ms: number, late: string): Promise<void> | undefined {
    if (isThere()) return undefined
    if (this.#failure) throw this.#failure
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#wake = undefined
      }
      const timer = setTimeout(() => {
        done()
        const error = new MilterError(`${late} ${Math.round(ms)} ms`)
        this.fail(error)
        reject(error)
      }, ms)
      this.#wake = () => {
        if (isThere()) {
          done()
          resolve()
        } else if (this.#failure) {
          done()
          reject(this.#failure)
        }
      }
    })
  }
}
