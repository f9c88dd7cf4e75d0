/** Runs the plugins of one hook as Haraka does: one after the other, until one has an answer. What goes wrong is a failure, and ends in time. */

import { type BaseContext, errorOf } from '@postroad/plugin'
import constants from 'haraka-constants'
import type { Registered } from './harness.ts'
import { asWritten, calledBy } from './old-address.ts'

/** What a chain came to. */
export interface ChainAnswer {
  /** One of Haraka's return codes. */
  readonly code: number
  /** What was said with it: a text, a DSN, the answer of `get_mx`. */
  readonly message: unknown
  /** Who said it; undefined when nobody did. */
  readonly by: Registered | undefined
}

/** How a chain is run. */
export interface ChainRun {
  /** A connection, a mail of the queue, or the server. */
  readonly object: unknown
  readonly params?: unknown
  /** Whose signal ends it; it is asked for only while a plugin takes its time, because a signal costs more than most answers. */
  readonly life?: { readonly signal: AbortSignal }
  /** Whether anything was waited for since its hook began: only then can the session be over. Written, too. */
  readonly turn?: { hasWaited: boolean }
  readonly failOpen: boolean
  /** Names of plugins that are passed over. */
  readonly skip?: readonly string[]
  /** What comes too late, or twice. */
  late(plugin: string, what: string): void
  /** An answer that refuses; what comes of it. */
  refused?(answer: ChainAnswer): Promise<boolean>
}

/** Chains whose answers end nothing: all plugins are always run. */
const ALL_RUN: ReadonlySet<string> = new Set(['connect_init', 'disconnect', 'reset_transaction', 'init_master', 'log'])

/** Hooks that tell what has happened: their plugins are run though the client may have left. */
export const TOLD: ReadonlySet<string> = new Set(['queue_ok', 'reset_transaction', 'disconnect', 'deny'])

/** Nobody has said anything. */
export const CONT: ChainAnswer = { code: constants.cont, message: undefined, by: undefined }

/** Writes down what comes too late, or twice. */
export function lateTo({ log }: Pick<BaseContext, 'log'>): ChainRun['late'] {
  return (plugin, what) => log.warn({ haraka: plugin, what }, 'a plugin of Haraka answers wrongly')
}

/** Whether a return code refuses. */
export function isDeny(code: number): boolean {
  return (
    code === constants.deny ||
    code === constants.denysoft ||
    code === constants.denydisconnect ||
    code === constants.denysoftdisconnect
  )
}

/** What is there at once, or later. */
export type Soon<T> = T | Promise<T>

/** Goes on at once where nothing is waited for. */
export function andThen<A, B>(value: Soon<A>, next: (value: A) => Soon<B>): Soon<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** One after the other. */
export function inOrder<T>(list: readonly T[], work: (one: T) => unknown): Soon<void> {
  for (const [place, one] of list.entries()) {
    const made = work(one)
    if (made instanceof Promise) return made.then(() => inOrder(list.slice(place + 1), work))
  }
}

/**
 * Runs a chain; its answer is there at once when all plugins answer at once.
 *
 * @throws {Error} that names the plugin which threw, rejected, or did not answer in time
 */
export function runChain(chain: readonly Registered[] | undefined, run: ChainRun): Soon<ChainAnswer> {
  for (const [place, one] of (chain ?? []).entries()) {
    if (isOver(run)) return CONT
    if (run.skip?.includes(one.plugin.name)) continue
    const asked = ask(one, run)
    if (asked instanceof Promise && run.turn) run.turn.hasWaited = true
    // The hook `deny` may take a refusal back; the plugins after it are asked then.
    if (asked instanceof Promise || (isDeny(asked.code) && run.refused)) return goOn(chain ?? [], place, asked, run)
    if (asked.code !== constants.cont && !ALL_RUN.has(one.hook)) return asked
  }
  return CONT
}

async function goOn(
  chain: readonly Registered[],
  place: number,
  asked: Soon<ChainAnswer>,
  run: ChainRun,
): Promise<ChainAnswer> {
  const answer = await asked
  const isNone = answer.code === constants.cont || ALL_RUN.has(chain[place]?.hook ?? '')
  if (isNone || (isDeny(answer.code) && (await run.refused?.(answer)))) return runChain(chain.slice(place + 1), run)
  return answer
}

function isOver({ turn = { hasWaited: true }, life }: ChainRun): boolean {
  return turn.hasWaited && life?.signal.aborted === true
}

/** Most plugins answer at once: only the others need a promise, a clock, and an ear for the end of the session. */
function ask(one: Registered, run: ChainRun): Soon<ChainAnswer> {
  const { plugin, method } = one
  const question = new Question(one, run)
  try {
    const call = plugin[method]
    if (typeof call !== 'function') throw new TypeError(`it registers "${method}", which it does not have`)
    const params = plugin.callsAddresses ? calledBy(run.object, run.params) : run.params
    const made: unknown = call.call(plugin, question.next, run.object, params)
    if (made instanceof Promise) made.catch(question.fail)
    else if (isThenable(made)) made.then(undefined, question.fail)
  } catch (thrown) {
    question.fail(thrown)
  }
  return question.isDone ? question.end() : question.wait()
}

/** One call of a plugin. */
class Question {
  readonly #one: Registered
  readonly #run: ChainRun
  #answer: ChainAnswer = CONT
  #error: Error | undefined
  #settle: (() => void) | undefined
  isDone = false

  constructor(one: Registered, run: ChainRun) {
    this.#one = one
    this.#run = run
  }

  readonly next = (code?: unknown, message?: unknown): void => {
    const { plugin, hook } = this.#one
    if (this.isDone) {
      this.#run.late(plugin.name, `next() at ${hook} once more, or too late`)
      return
    }
    this.#answer = { code: typeof code === 'number' ? code : constants.cont, message, by: this.#one }
    this.#done()
  }

  readonly fail = (thrown: unknown): void => {
    const { plugin, hook } = this.#one
    const { message } = errorOf(thrown)
    if (this.isDone) {
      this.#run.late(plugin.name, `at ${hook}, after its answer: ${message}`)
      return
    }
    this.#error = new Error(`plugin "${plugin.name}" failed at ${hook}: ${message}`, { cause: thrown })
    this.#done()
  }

  async wait(): Promise<ChainAnswer> {
    const { plugin, hook } = this.#one
    const signal = this.#run.life?.signal
    const gone = (): void => this.#done()
    // Its word, `0` is none: as in Haraka.
    const timer =
      plugin.timeout > 0
        ? setTimeout(() => {
            const late = `plugin "${plugin.name}" did not call next() at ${hook} within ${plugin.timeout} s`
            this.#error = new TimeoutError(late)
            this.#done()
          }, plugin.timeout * 1_000)
        : undefined
    signal?.addEventListener('abort', gone, { once: true })
    try {
      await new Promise<void>((resolve) => {
        this.#settle = resolve
        if (signal?.aborted) gone()
      })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', gone)
    }
    return this.end()
  }

  /** @throws {Error} what went wrong, unless that is passed over */
  end(): ChainAnswer {
    const { plugin } = this.#one
    if (plugin.callsAddresses) asWritten(this.#run.object)
    const error = this.#error
    if (!error) return this.#answer
    if (!this.#run.failOpen) throw error
    this.#run.late(plugin.name, error.message)
    // What Haraka does: a throw is passed over, silence is DENYSOFT.
    return error instanceof TimeoutError ? { code: constants.denysoft, message: 'plugin timeout', by: this.#one } : CONT
  }

  #done(): void {
    this.isDone = true
    this.#settle?.()
  }
}

class TimeoutError extends Error {}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
