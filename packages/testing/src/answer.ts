/** What a handler may answer, and the sentence for everything else. */
import { HOOKS, type HookName } from '@postroad/plugin'

const COMMAND = ['accept', 'reject', 'defer', 'suspect']
const MESSAGE = [...COMMAND, 'quarantine', 'discard']
const KEYS: Readonly<Record<string, readonly string[]>> = {
  accept: [],
  reject: ['text', 'status', 'code', 'disconnect', 'for'],
  defer: ['text', 'status', 'code', 'disconnect', 'for'],
  suspect: ['points', 'reason'],
  quarantine: ['reason', 'for'],
  discard: ['reason', 'for'],
  reroute: ['route'],
  reply: ['code', 'status', 'text'],
}
const KINDS = new Map(HOOKS.map(({ name, kind }) => [name, kind]))
/** Octets of a line of reply with its code and status, RFC 5321 §4.5.3.1.5, with room for what a relay adds. */
const LONGEST = 450

/** What is wrong with an answer to a hook; undefined when nothing is. `who` is `plugin.hook`. */
export function wrongAnswer(answer: unknown, hook: HookName, who: string): string | undefined {
  if (answer === undefined) return undefined
  switch (KINDS.get(hook)) {
    case 'tell':
      return `${who} answers ${shown(answer)}, and nobody hears it: what has happened cannot be changed; answer at an earlier hook.`
    case 'ask':
      return wrongOpinions(answer, hook, who)
    default:
      return wrongFirst(answer, hook, who)
  }
}

function wrongOpinions(answer: unknown, hook: HookName, who: string): string | undefined {
  const kinds = hook === 'delivery' ? ['defer', 'reject', 'reroute'] : hook === 'message' ? MESSAGE : COMMAND
  for (const opinion of Array.isArray(answer) ? answer : [answer]) {
    const wrong = wrongOpinion(opinion, kinds, who)
    if (wrong) return wrong
  }
  return undefined
}

function wrongOpinion(opinion: unknown, kinds: readonly string[], who: string): string | undefined {
  const names = kinds.map((kind) => `${kind}()`).join(', ')
  if (!isObject(opinion) || typeof opinion['kind'] !== 'string' || !kinds.includes(opinion['kind']))
    return `${who} answered ${shown(opinion)}, which is no opinion: return one of ${names}, several of them in an array, or nothing.`
  const known = ['kind', ...(KEYS[opinion['kind']] ?? [])]
  const unknown = Object.keys(opinion).find((key) => !known.includes(key))
  if (unknown !== undefined)
    return `${who} answered with the key "${unknown}", which nobody reads: make opinions with ${names}; they know ${known.join(', ')}.`
  return wrongText(opinion['text'], who)
}

function wrongText(text: unknown, who: string): string | undefined {
  if (typeof text !== 'string') return undefined
  if (!/^[\n\x20-\x7e]*$/.test(text))
    return `${who} says ${shown(text)} to the client: only printable ASCII can be sent; put the rest into the log.`
  if (text.split('\n').some((line) => line.length > LONGEST))
    return `${who} says a line of more than ${LONGEST} octets to the client: be brief; put the rest into the log.`
  return undefined
}

function wrongFirst(answer: unknown, hook: HookName, who: string): string | undefined {
  const info = HOOKS.find(({ name }) => name === hook)
  const fine = isObject(answer) && (FIRST[hook]?.(answer) ?? true)
  if (!fine)
    return `${who} answered ${shown(answer)}: return ${info?.answer ?? 'what docs/hooks.md says'}, or nothing to leave it to the next plugin.`
  return 'kind' in answer ? wrongText(answer['text'], who) : undefined
}

type Fields = Readonly<Record<string, unknown>>
const isRefusal = (answer: Fields): boolean => answer['kind'] === 'reject' || answer['kind'] === 'defer'
const isReply = (answer: Fields): boolean => answer['kind'] === 'reply' && typeof answer['code'] === 'number'
const FIRST: Readonly<Partial<Record<HookName, (answer: Fields) => boolean>>> = {
  auth: (answer) => typeof answer['name'] === 'string' || isRefusal(answer),
  route: (answer) => typeof answer['via'] === 'string' || isRefusal(answer),
  queue: (answer) => (typeof answer['id'] === 'string' && !('kind' in answer)) || isRefusal(answer),
  quarantine: (answer) => typeof answer['id'] === 'string' && !('kind' in answer),
  rewrite: (answer) => typeof answer['raw'] === 'function' || answer['kind'] === 'rewrite',
  tls: (answer) =>
    typeof answer['mode'] === 'string' || (isObject(answer['refusal']) && typeof answer['failure'] === 'string'),
  receive: (answer) => typeof answer['write'] === 'function',
  verify: isReply,
  expand: isReply,
  help: isReply,
  unknown: isReply,
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function shown(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 120)
  } catch {
    return String(value) // a cycle: any text will do
  }
}
