/** Is this an answer? What a handler says is checked before it is believed; an answer that is none is a failure, not a pass. */
import type {
  CommandReply,
  DeliveryOpinion,
  HookName,
  Identity,
  Message,
  MessageOpinion,
  Receipt,
  ReceiveSink,
  Refusal,
  Route,
} from '@postroad/plugin'
import type { Entry } from '../host/entry.ts'

const COMMAND = new Set(['accept', 'reject', 'defer', 'suspect'])
const MESSAGE = new Set([...COMMAND, 'quarantine', 'discard'])
const DELIVERY = new Set(['reject', 'defer', 'reroute'])

/** One opinion or several, of the kinds the hook allows. */
export function opinions(answer: unknown, entry: Entry): readonly MessageOpinion[] {
  const list: readonly unknown[] = Array.isArray(answer) ? answer : [answer]
  const kinds = entry.hook === 'message' ? MESSAGE : COMMAND
  for (const opinion of list) checkOpinion(opinion, kinds, entry.hook)
  return list as readonly MessageOpinion[] // each was just checked
}

/** As {@link opinions}, at `delivery`. */
export function deliveryOpinions(answer: unknown): readonly DeliveryOpinion[] {
  const list: readonly unknown[] = Array.isArray(answer) ? answer : [answer]
  for (const opinion of list) checkOpinion(opinion, DELIVERY, 'delivery')
  return list as readonly DeliveryOpinion[] // each was just checked
}

/** An answer to `route`. @throws {TypeError} when it is neither a route nor a refusal */
export function route(answer: unknown): Route | Refusal {
  if (isObject(answer) && typeof answer['via'] === 'string') return answer as unknown as Route // its one required field was checked
  return refusal(answer, 'route')
}

/** An answer to `queue` or `quarantine`. @throws {TypeError} when it is neither a receipt nor a refusal */
export function receipt(answer: unknown, entry: Entry): Receipt | Refusal {
  if (isObject(answer) && typeof answer['id'] === 'string' && !('kind' in answer)) return answer as unknown as Receipt // its one required field was checked
  return refusal(answer, entry.hook)
}

/** An answer to `auth`. @throws {TypeError} when it is neither an identity nor a refusal */
export function identity(answer: unknown): Identity | Refusal {
  if (isObject(answer) && typeof answer['name'] === 'string') return answer as unknown as Identity // its one required field was checked
  return refusal(answer, 'auth')
}

/** An answer to `verify`, `expand`, `help` or `unknown`. @throws {TypeError} when it is no reply */
export function reply(answer: unknown, entry: Entry): CommandReply {
  if (isObject(answer) && answer['kind'] === 'reply' && typeof answer['code'] === 'number' && typeof answer['text'] === 'string')
    return answer as unknown as CommandReply // checked
  throw notAnAnswer(answer, entry.hook)
}

/** An answer to `rewrite`. @throws {TypeError} when it is no message */
export function message(answer: unknown): Message {
  if (isObject(answer) && typeof answer['raw'] === 'function' && typeof answer['withHeader'] === 'function')
    return answer as unknown as Message // checked as far as it can be
  throw notAnAnswer(answer, 'rewrite')
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

function refusal(answer: unknown, hook: HookName): Refusal {
  checkOpinion(answer, REFUSALS, hook)
  return answer as Refusal // just checked
}
const REFUSALS = new Set(['reject', 'defer'])

function checkOpinion(opinion: unknown, kinds: ReadonlySet<string>, hook: HookName): void {
  if (!isObject(opinion) || typeof opinion['kind'] !== 'string' || !kinds.has(opinion['kind'])) throw notAnAnswer(opinion, hook)
  const { kind, text, code, points } = opinion
  if (kind === 'reject' || kind === 'defer') {
    const digit = kind === 'reject' ? 5 : 4
    if (typeof text !== 'string' || typeof code !== 'number' || Math.floor(code / 100) !== digit) throw notAnAnswer(opinion, hook)
  } else if (kind === 'suspect' && !Number.isFinite(points)) throw notAnAnswer(opinion, hook)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function notAnAnswer(answer: unknown, hook: HookName): TypeError {
  let shown: string
  try {
    shown = JSON.stringify(answer) ?? String(answer)
  } catch {
    shown = String(answer) // a cycle or a throwing getter: any text will do for the log
  }
  return new TypeError(`not an answer to ${hook}: ${shown.slice(0, 200)}`)
}
