/**
 * Runs one handler and lets nothing out of it but a checked answer: a throw, a rejection, lateness and nonsense become
 * what the operator said they are worth. A handler that answers at once costs no promise, no timer, no controller.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { defer, errorOf, type HookName, type Logger, reject } from '@postroad/plugin'
import type { Maybe } from '@postroad/smtp'
import type { AnyHandler, Handler } from '../plan/handler.ts'
import { isThenable } from '../thenable.ts'
import type { HookCall } from './call.ts'
import { nothing } from './check.ts'
import { contextOf, RunContext } from './context.ts'
import { Failure } from './failure.ts'
import { tellRun } from './tell-run.ts'

export { Failure } from './failure.ts'

/** Turns a handler's raw answer into what the hook expects. @throws {TypeError} when it is nothing the hook knows */
export type AnswerCheck<T> = (answer: unknown, handler: AnyHandler, call: HookCall) => T | undefined

/** Subscribe to `tracing:postroad:hook:*` to see every run; nobody there, no cost. */
const channel = tracingChannel<HookRun>('postroad:hook')

/** What the tracing channel carries: a run as the guard sees it, from the call of the handler to what its answer is taken for. */
export interface HookRun {
  readonly plugin: string
  readonly hook: string
  readonly session: string | undefined
  /** What it answers is not obeyed. */
  readonly shadow: boolean
  /** By `performance.now()`. */
  readonly startedAt: number
  /** It answers later: after `end`, when the handler was called, comes `asyncEnd`. */
  asynchronous: boolean
  /** The answer, checked. */
  result?: unknown
  /** It threw, rejected, was late, or answered what is no answer. */
  error?: unknown
}

/** Whose run this is, for a rejection that nobody holds. */
export const runningHandler = new AsyncLocalStorage<AnyHandler>()
let attributeAll = false

/** From now on runs of handlers that answer at once are attributed too, which costs a little: some plugin let a promise float. */
export function attributeEveryRun(): void {
  attributeAll = true
}

/** Milliseconds at most that `queue` and `quarantine` get after their signal fired, to say whether they had stored the message; no longer than they had before it. */
const LAST_WORD = 5_000

/** What came of a run: a checked answer, nothing, or a failure. */
type Result<T> = T | Failure | undefined

/**
 * Runs the handler.
 *
 * @returns the checked answer, nothing, or a {@link Failure}; a promise only when the handler answers with one
 */
export function invoke<K extends HookName, T>(
  handler: Handler<K>,
  call: HookCall<K>,
  check: AnswerCheck<T>,
): Maybe<Result<T>> {
  const context = contextOf(call, handler)
  if (handler.when)
    try {
      if (!handler.when(context)) return undefined
    } catch (cause) {
      RunContext.end(context, OVER)
      return failed({ handler, call, trace: undefined }, cause)
    }
  return supervise(call, handler, context, handler.run, context, check)
}

/** Runs a part of a plugin that is not a handler of its own, a `receive` sink, under the same guard; nothing but a failure comes out. */
export function guarded<A>(
  { handler, call }: Part,
  part: (argument: A) => unknown,
  argument: A,
): Maybe<Failure | undefined> {
  return supervise(call, handler, undefined, part, argument, nothing)
}

/** Whose it is, and where what it does is noted. */
export interface Part {
  readonly handler: AnyHandler
  readonly call: HookCall
}

const OVER = new Error('the run is over')

/** Six parameters, because an object would be made for each run. */
function supervise<A, T>(
  call: HookCall,
  handler: AnyHandler,
  context: RunContext | undefined,
  part: (argument: A) => unknown,
  argument: A,
  check: AnswerCheck<T>,
): Maybe<Result<T>> {
  const start = call.scope.timed ? performance.now() : 0
  let trace: HookRun | undefined
  try {
    if (channel.hasSubscribers) trace = traceOf(handler, call)
    const answer = trace ? traced(trace, handler, part, argument) : attributed(handler, part, argument)
    if (isThenable(answer)) {
      handler.asynchronous = true
      if (trace) calledFor(trace)
      return awaitAnswer({ context, handler, call, check, start, trace, cause: undefined }, answer)
    }
    handler.asynchronous ??= false
    const ms = call.scope.timed ? performance.now() - start : 0
    if (call.scope.timed) call.spent(handler, ms)
    const result = answer === undefined ? undefined : check(answer, handler, call)
    if (trace) over(trace, result)
    if (call.scope.feed.tellsRuns) tellRun({ handler, call }, result, ms)
    return result
  } catch (cause) {
    if (context) RunContext.end(context, OVER)
    const failure = failed({ handler, call, trace }, cause)
    if (trace) over(trace, failure)
    if (call.scope.feed.tellsRuns) tellRun({ handler, call }, failure, performance.now() - start, cause)
    return failure
  }
}

function attributed<A>(handler: AnyHandler, part: (argument: A) => unknown, argument: A): unknown {
  return handler.asynchronous !== false || attributeAll ? runningHandler.run(handler, part, argument) : part(argument)
}

/** A function of its own: where one makes a closure, V8 makes room for what it holds in every call. */
function traced<A>(trace: HookRun, handler: AnyHandler, part: (argument: A) => unknown, argument: A): unknown {
  return channel.start.runStores(trace, () => attributed(handler, part, argument))
}

function traceOf(handler: AnyHandler, call: HookCall): HookRun {
  const { plugin, hook, shadow } = handler
  return { plugin, hook, session: call.session?.id, shadow, startedAt: performance.now(), asynchronous: false }
}

function calledFor(trace: HookRun): void {
  trace.asynchronous = true
  channel.end.publish(trace)
}

function over(trace: HookRun, result: unknown): void {
  if (!(result instanceof Failure)) trace.result = result
  if (trace.asynchronous) channel.asyncEnd.publish(trace)
  else channel.end.publish(trace)
}

interface Traced extends Part {
  readonly trace: HookRun | undefined
}

interface Pending<T> extends Traced {
  /** Of a handler; a part of a plugin that is none has no context. */
  readonly context: RunContext | undefined
  readonly check: AnswerCheck<T>
  readonly start: number
  /** Why it failed, for those who are told. */
  cause: unknown
}

/** Waits for an answer, no longer than the deadline, and not beyond the end of the session. */
function awaitAnswer<T>(pending: Pending<T>, answer: PromiseLike<unknown>): Promise<Result<T>> {
  const { context, handler, call } = pending
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    const finish = (result: Result<T>, reason: Error): void => {
      if (!timer) return
      clearTimeout(timer)
      timer = undefined
      call.lifetime.unwatch(gone)
      if (context) RunContext.end(context, reason)
      if (call.scope.timed) call.spent(handler, performance.now() - pending.start)
      if (pending.trace) over(pending.trace, result)
      if (call.scope.feed.tellsRuns)
        tellRun(pending, result, performance.now() - pending.start, pending.cause ?? reason)
      resolve(result)
    }
    const late = (): void => {
      const reason = new Error(`no answer within ${handler.timeout} ms`)
      if (!keepsPromises(handler)) {
        finish(failed(pending, reason, 'late'), reason)
        return
      }
      // It may have stored the message just now: the signal tells it to stop, and its last word decides.
      if (context) RunContext.abort(context, reason)
      timer = setTimeout(() => finish(failed(pending, reason, 'late'), reason), Math.min(LAST_WORD, handler.timeout))
    }
    const gone = (reason: Error): void => finish(new Failure(undefined), reason)
    timer = setTimeout(late, handler.timeout)
    call.lifetime.watch(gone)
    const fail = (cause: unknown): void => {
      pending.cause = cause
      if (timer) finish(failed(pending, cause), OVER)
      else if (cause !== undefined)
        logOf(pending).debug({ hook: handler.hook, error: cause }, 'a run that was over failed')
    }
    try {
      answer.then((value) => (timer ? finish(checked(pending, value), OVER) : tooLate(pending, value)), fail)
    } catch (cause) {
      fail(cause) // no promise of the language's: its `then` may do anything
    }
    if (call.lifetime.ended) gone(call.lifetime.ended)
  })
}

function keepsPromises(handler: AnyHandler): boolean {
  return handler.hook === 'queue' || handler.hook === 'quarantine'
}

function tooLate<T>({ handler, call }: Pending<T>, value: unknown): void {
  if (value === undefined) return
  const log = logOf({ handler, call })
  if (keepsPromises(handler))
    log.error(
      { hook: handler.hook, answer: value },
      'a receipt came after the client was told to try again: a duplicate is possible',
    )
  else log.warn({ hook: handler.hook }, 'an answer came after the run was over')
}

function logOf({ handler, call }: Part): Logger {
  return call.scope.logFor(handler.plugin)
}

function checked<T>(pending: Pending<T>, answer: unknown): Result<T> {
  if (answer === undefined) return undefined
  try {
    return pending.check(answer, pending.handler, pending.call)
  } catch (cause) {
    pending.cause = cause
    return failed(pending, cause)
  }
}

/** A failure takes the operator's `onError`; its text never reaches the wire. */
function failed({ handler, call, trace }: Traced, cause: unknown, kind: 'error' | 'late' = 'error'): Failure {
  const error = errorOf(cause)
  if (!call.lifetime.ended) {
    logOf({ handler, call }).error(
      { hook: handler.hook, session: call.session?.id, onError: handler.onError, error },
      'plugin failed',
    )
    call.note(handler, { kind, reason: error.message })
    if (trace) {
      trace.error = error
      channel.error.publish(trace)
    }
  }
  return handler.shadow ? new Failure(undefined) : FAILURES[handler.onError]
}

const FAILURES: Readonly<Record<AnyHandler['onError'], Failure>> = {
  defer: new Failure(defer('Local error in processing, try again later', { status: '4.3.0', code: 451 })),
  pass: new Failure(undefined),
  reject: new Failure(reject('Local error in processing', { status: '5.3.0', code: 554 })),
  disconnect: new Failure(
    defer('Local error in processing, try again later', { status: '4.3.0', code: 421, disconnect: true }),
  ),
}
