/** Is this an answer? What a handler says is checked before it is believed; an answer that is none is a failure, not a pass. */
import { types } from 'node:util'
import type { RoutedRecipient, TlsAnswer } from '@postroad/mail'
import { isMadeFrom } from '@postroad/message'
import {
  type CommandReply,
  type DeliveryOpinion,
  type HookName,
  type Identity,
  type Message,
  type MessageOpinion,
  type Receipt,
  type ReceiveSink,
  type Refusal,
  type Rewrite,
  type Route,
  rewriteProblem,
  textOf,
} from '@postroad/plugin'
import type { AnyHandler } from '../plan/handler.ts'
import type { AnyArguments, HookCall } from './call.ts'

const COMMAND = new Set(['accept', 'reject', 'defer', 'suspect'])
const MESSAGE = new Set([...COMMAND, 'quarantine', 'discard'])
const DELIVERY = new Set(['reject', 'defer', 'reroute'])

/** One opinion or several, of the kinds the hook allows; copies, because what is looked at again later must not have changed. */
export function opinions(answer: unknown, handler: AnyHandler): readonly MessageOpinion[] {
  if (handler.observes)
    throw new TypeError(
      `${handler.hook} only observes, as it says itself, and answered: ${textOf(answer).slice(0, 200)}`,
    )
  const kinds = handler.hook === 'message' ? MESSAGE : COMMAND
  const list: readonly unknown[] = Array.isArray(answer) ? answer : [answer]
  const said = list.map((each) => opinion<MessageOpinion>(each, kinds, handler.hook))
  if (!handler.points && said.some(({ kind }) => kind === 'suspect'))
    throw new TypeError(
      `${handler.hook} gives no points, as it says itself, and answered: ${textOf(answer).slice(0, 200)}`,
    )
  return said
}

/** As {@link opinions}, at `delivery`. */
export function deliveryOpinions(answer: unknown): readonly DeliveryOpinion[] {
  const list: readonly unknown[] = Array.isArray(answer) ? answer : [answer]
  return list.map((each) => opinion<DeliveryOpinion>(each, DELIVERY, 'delivery'))
}

const MODES = new Set<unknown>(['none', 'opportunistic', 'required', 'implicit'])

/** An answer to `tls`. @throws {TypeError} when it is neither a policy nor a refusal of the host */
export function tlsAnswer(answer: unknown): TlsAnswer {
  if (!isObject(answer)) throw notAnAnswer(answer, 'tls')
  const { refusal, mode, id, authenticate, source } = answer
  if (source !== undefined && typeof source !== 'string') throw notAnAnswer(answer, 'tls')
  if (refusal !== undefined) {
    const isReply = isObject(refusal) && typeof refusal['text'] === 'string' && typeof refusal['code'] === 'number'
    // Not 2yz: who refuses has not taken.
    if (!isReply || !(Number(refusal['code']) >= 400 && Number(refusal['code']) < 600)) throw notAnAnswer(answer, 'tls')
    return answer as unknown as TlsAnswer // checked
  }
  const isNamed =
    authenticate === undefined || (typeof authenticate === 'function' && typeof id === 'string' && id !== '')
  if (!MODES.has(mode) || !isNamed) throw notAnAnswer(answer, 'tls')
  return answer as unknown as TlsAnswer // checked; not copied, which policy it is decides which connections are shared
}

/** An answer to `route`. @throws {TypeError} when it is neither a route nor a refusal */
export function route(answer: unknown): Route | Refusal {
  return isObject(answer) && typeof answer['via'] === 'string'
    ? asRoute(answer, 'route')
    : opinion<Refusal>(answer, REFUSALS, 'route')
}

/** An answer to `queue` or `quarantine`. @throws {TypeError} when it is neither a receipt nor a refusal */
export function receipt(answer: unknown, handler: AnyHandler): Receipt | Refusal {
  if (!isObject(answer) || 'kind' in answer) return opinion<Refusal>(answer, REFUSALS, handler.hook)
  const { id, refused } = answer
  // An id is what the client is told, and by what the message is found again: nobody can have stored it under none.
  if (typeof id !== 'string' || id === '') throw notAnAnswer(answer, handler.hook)
  if (refused === undefined) return Object.freeze({ id })
  // Once the message is stored nothing may fail any more: what is said of single recipients is read here.
  if (!Array.isArray(refused)) throw notAnAnswer(answer, handler.hook)
  return Object.freeze({ id, refused: refused.map((each) => refusedRecipient(each, handler.hook)) })
}

function refusedRecipient(each: unknown, hook: HookName): NonNullable<Receipt['refused']>[number] {
  if (!isObject(each) || !isObject(each['recipient'])) throw notAnAnswer(each, hook)
  return {
    recipient: each['recipient'] as unknown as RoutedRecipient,
    refusal: opinion<Refusal>(each['refusal'], REFUSALS, hook),
  } // it is looked up by identity
}

/** An answer to `auth`. @throws {TypeError} when it is neither an identity nor a refusal */
export function identity(answer: unknown): Identity | Refusal {
  if (!isObject(answer) || 'kind' in answer) return opinion<Refusal>(answer, REFUSALS, 'auth')
  const { name } = answer
  if (typeof name !== 'string') throw notAnAnswer(answer, 'auth')
  return isSettled(answer) ? (answer as unknown as Identity) : { ...answer, name } // its one required field was checked
}

/** An answer to `verify`, `expand`, `help` or `unknown`. @throws {TypeError} when it is no reply */
export function reply(answer: unknown, handler: AnyHandler): CommandReply {
  if (!isObject(answer)) throw notAnAnswer(answer, handler.hook)
  const { kind, code, text } = answer
  if (kind !== 'reply' || typeof code !== 'number' || typeof text !== 'string') throw notAnAnswer(answer, handler.hook)
  return { ...answer, kind, code, text } as unknown as CommandReply // checked
}

/**
 * An answer to `rewrite`: a message, or edits.
 *
 * @throws {TypeError} when it is neither, or its message was not made from the one that was given: nobody would know what became of that
 */
export function rewritten(answer: unknown, _handler: AnyHandler, call: HookCall): Message | Rewrite {
  const { message: given }: AnyArguments = call.args
  if (!isObject(answer)) throw notAnAnswer(answer, 'rewrite')
  if (answer['kind'] !== 'rewrite') return madeFrom(given, answer)
  const { message, from, add, remove } = answer
  const edits = {
    ...(message !== undefined && { message: madeFrom(given, message) }),
    ...(from !== undefined && { from }),
    ...(add !== undefined && { add }),
    ...(remove !== undefined && { remove }),
  }
  const problem = rewriteProblem(edits)
  if (problem) throw new TypeError(`rewrite: ${problem}`)
  return { kind: 'rewrite', ...edits } as Rewrite // it has no problem
}

function madeFrom(given: Message | undefined, answer: unknown): Message {
  if (!isObject(answer) || typeof answer['raw'] !== 'function') throw notAnAnswer(answer, 'rewrite')
  const message = answer as unknown as Message // its origin is checked next
  if (given && isMadeFrom(given, message)) return message
  throw new TypeError(
    'rewrite: the message was not made from the one that was given: use its withHeader, withoutHeader, withBody',
  )
}

/** An answer to `receive`. @throws {TypeError} when it cannot be written to */
export function sink(answer: unknown): ReceiveSink {
  if (isObject(answer) && typeof answer['write'] === 'function') return answer as unknown as ReceiveSink // checked
  throw notAnAnswer(answer, 'receive')
}

/** *Tell* hooks, and parts of handlers: whatever it is, it is nothing. */
export function nothing(): undefined {
  return undefined
}

const REFUSALS = new Set(['reject', 'defer'])

/** `O` is what the kinds allow. */
function opinion<O>(said: unknown, kinds: ReadonlySet<string>, hook: HookName): O {
  if (!isObject(said)) throw notAnAnswer(said, hook)
  const { kind } = said
  if (typeof kind !== 'string' || !kinds.has(kind)) throw notAnAnswer(said, hook)
  return copyOf(said, kind, hook) as O // as its kind says
}

function copyOf(said: Readonly<Record<string, unknown>>, kind: string, hook: HookName): object {
  if (kind === 'accept') return { kind }
  if (kind === 'reroute') return { kind, route: asRoute(said['route'], hook) }
  if (kind === 'reject' || kind === 'defer') {
    const { text, status, code, disconnect } = said
    if (typeof text !== 'string' || typeof code !== 'number' || Math.floor(code / 100) !== (kind === 'reject' ? 5 : 4))
      throw notAnAnswer(said, hook)
    if (status !== undefined && typeof status !== 'string') throw notAnAnswer(said, hook)
    return { kind, text, status, code, disconnect: disconnect === true, ...recipientsOf(said, hook) }
  }
  const { reason = '', points } = said
  if (typeof reason !== 'string') throw notAnAnswer(said, hook)
  if (kind !== 'suspect') return { kind, reason, ...recipientsOf(said, hook) }
  if (!Number.isFinite(points)) throw notAnAnswer(said, hook)
  return { kind, points, reason }
}

function recipientsOf(said: Readonly<Record<string, unknown>>, hook: HookName): { readonly for?: readonly unknown[] } {
  const whom = said['for']
  if (whom === undefined) return {}
  // What is no address would silently mean nobody.
  if (!Array.isArray(whom) || !whom.every(isAddress)) throw notAnAnswer(said, hook)
  return { for: [...whom] }
}

function isAddress(value: unknown): boolean {
  return isObject(value) && typeof value['local'] === 'string' && typeof value['domain'] === 'string'
}

function asRoute(answer: unknown, hook: HookName): Route {
  if (!isObject(answer)) throw notAnAnswer(answer, hook)
  // One frozen object for many recipients is what makes them one delivery without a look at it.
  if (isSettled(answer) && typeof answer['via'] === 'string') return answer as unknown as Route // its one required field was checked
  const { via } = answer
  if (typeof via !== 'string') throw notAnAnswer(answer, hook)
  return Object.freeze({ ...answer, via })
}

/** It says tomorrow what it says today. */
function isSettled(answer: object): boolean {
  return Object.isFrozen(answer) && !types.isProxy(answer)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function notAnAnswer(answer: unknown, hook: HookName): TypeError {
  return new TypeError(`not an answer to ${hook}: ${textOf(answer).slice(0, 200)}`)
}
