/** Shows one domain to the world instead of many internal ones, in the fields that name who a message is from. */
import type { DomainTable } from '@postroad/options'
import type { Message } from '@postroad/plugin'

const FIELDS = ['From', 'Sender', 'Reply-To']

/** The message with `From`, `Sender` and `Reply-To` masqueraded; the same one when nothing fits. */
export function masqueradeMessage(message: Message, domains: DomainTable<string>): Message {
  let result = message
  for (const name of FIELDS) {
    const value = result.headers.get(name)
    const shown = value === undefined ? undefined : masqueradeField(value, domains)
    if (shown !== undefined && shown !== value) result = result.withReplacedHeader(name, shown)
  }
  return result
}

/** Domains of addresses (RFC 5322 §3.4) are replaced; quoted strings and comments are left as they are. */
export function masqueradeField(value: string, domains: DomainTable<string>): string {
  let result = ''
  let at = 0
  for (let i = 0; i < value.length; i++) {
    if (value[i] === '"') i = closing(value, i, { open: '', close: '"' })
    else if (value[i] === '(') i = closing(value, i, { open: '(', close: ')' })
    else if (value[i] === '@') {
      const [domain = ''] = /^[A-Za-z0-9.-]*/.exec(value.slice(i + 1, i + 256)) ?? []
      const shown = domains.find(domain.toLowerCase())
      if (shown !== undefined) {
        result += value.slice(at, i + 1) + shown
        at = i + 1 + domain.length
      }
      i += domain.length
    }
  }
  return result + value.slice(at)
}

/** Index of what closes; the end when nothing does. */
function closing(
  value: string,
  start: number,
  { open, close }: { readonly open: string; readonly close: string },
): number {
  let depth = 1
  for (let i = start + 1; i < value.length; i++) {
    if (value[i] === '\\') i++
    else if (value[i] === close && --depth === 0) return i
    else if (value[i] === open) depth++
  }
  return value.length
}
