/** Log lines for people: one line a thing, colours, no braces. */
import { styleText, types } from 'node:util'
import { errorOf } from '@postroad/plugin'

type Line = Readonly<Record<string, unknown>>

/** One event, with its line break. */
export function pretty(line: Line): string {
  const time = styleText('dim', String(line['time']).slice(11, 23))
  if (line['event'] === 'transaction') return `${time} ${transaction(line)}\n`
  if (line['event'] === 'auth')
    return `${time} ${styleText('yellow', printable(line['reply']))} ${line['mechanism']} as ${printable(line['user'])} from ${line['remote']}, session ${line['id']}${line['attempts'] === undefined ? '' : `, the last of ${line['attempts']}`}\n`
  if (line['event'] === 'session')
    return `${time} ${styleText('dim', `session ${line['id']} from ${line['remote']} closed (${line['closed']}), ${line['accepted']} accepted, ${line['refused']} refused`)}\n`
  return `${time} ${plain(line)}\n`
}

function transaction(line: Line): string {
  const replies = Array.isArray(line['reply']) ? line['reply'].map(String) : [String(line['reply'])]
  const to = Array.isArray(line['to']) ? line['to'].map(String) : []
  const rows = [
    replies.map((reply) => styleText(colourOf(reply), printable(reply))).join(' | '),
    `${line['id']} <${printable(line['from'])}> to ${to.length > 0 ? printable(to.slice(0, 5).join(', ')) : 'nobody'}${to.length > 5 ? ` and ${to.length - 5} more` : ''}, ${line['size']} octets, ${line['ms']} ms`,
    ...list(line['refused']).map(
      (one) =>
        `${styleText('red', 'refused')} ${printable(one['to'])}: ${printable(one['reply'])}${one['plugin'] ? ` (${one['plugin']})` : ''}`,
    ),
    ...list(line['opinions']).map(opinion),
    ...list(line['thresholds']).map(threshold),
  ]
  return rows.join('\n             ')
}

function opinion(one: Line): string {
  const points = one['points'] === undefined ? '' : ` ${one['points']}`
  return `${styleText('cyan', String(one['plugin']))} at ${one['hook']}: ${one['kind']}${points} ${printable(one['text'] ?? one['reason'] ?? '')}${one['shadow'] ? ' (shadow)' : ''}`
}

function threshold({ level, at, points, to }: Line): string {
  return `${styleText('cyan', 'thresholds')}: ${level} from ${at}, for ${points} points of ${Array.isArray(to) ? printable(to.join(', ')) : ''}`
}

function colourOf(reply: string): 'green' | 'yellow' | 'red' {
  return reply.startsWith('2') ? 'green' : reply.startsWith('4') ? 'yellow' : 'red'
}

function plain({ time: _time, level, text, ...fields }: Line): string {
  const colour = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : 'blue'
  const rest = Object.entries(fields).filter(([, value]) => value !== undefined)
  const shown = rest.map(
    ([name, value]) => `${styleText('dim', `${name}=`)}${isError(value) ? errorText(value) : printable(value)}`,
  )
  return [styleText(colour, String(level)), text, ...shown].join(' ')
}

/** Causes that are shown of one error: a chain may be a circle. */
const CAUSES = 8

/** An error and what it comes from: the last of the chain most often knows which file it was. */
function errorText(error: Error): string {
  const chain: string[] = []
  for (let one: unknown = error; one !== undefined && chain.length < CAUSES; one = isError(one) ? one.cause : undefined)
    chain.push(isError(one) ? stackOf(errorOf(one)) : printable(one))
  return chain.join('\n  caused by ')
}

function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}

function stackOf({ stack, message }: Error): string {
  return (stack ?? message).split('\n').map(printable).join('\n')
}

function list(value: unknown): readonly Line[] {
  return Array.isArray(value) ? value.filter((item): item is Line => typeof item === 'object' && item !== null) : []
}

/** Foreign text must not move the reader's cursor. */
function printable(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')
}
