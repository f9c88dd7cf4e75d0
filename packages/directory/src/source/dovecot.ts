/** Dovecot, asked as its own services ask: its users by the auth socket, or a key of one of its dicts. A connection a question. */
import { type Daemon, Exchange } from '@postroad/upstream'
import { type DirectoryEntry, entryOf, type Key, valueEntry } from '../entry.ts'
import type { DovecotFrom } from '../from.ts'
import type { DirectorySource, SourceDeps } from '../source.ts'
import { filled } from '../template.ts'
import { escapeField, unescapeField } from './dovecot-text.ts'

/** Octets of an answer. */
const LONGEST = 65_536

/** Dovecot at this socket. */
export function openDovecot(options: DovecotFrom, { resolve }: SourceDeps): DirectorySource {
  const path = resolve(options.socket)
  const daemon: Daemon = { name: `dovecot ${path}`, path, tls: false }
  return {
    name: daemon.name,
    find: (key, signal) => (options.ask === 'dict' ? askDict : askUser)(key, { options, daemon, signal }),
    close: () => undefined,
  }
}

interface Asking {
  readonly options: DovecotFrom
  readonly daemon: Daemon
  readonly signal: AbortSignal
}

/** Dovecot's auth protocol, version 1: `USER id name service=…`; the answer is `USER`, `NOTFOUND` or `FAIL`. */
async function askUser({ key }: Key, { daemon, signal }: Asking): Promise<DirectoryEntry | undefined> {
  const isReply = (line: string) => /^(?:USER|NOTFOUND|FAIL)\t1(?:\t|$)/.test(line)
  const request = `VERSION\t1\t2\nUSER\t1\t${escapeField(key)}\tservice=postroad\n`
  const reply = await ask(daemon, request, { isReply, signal })
  const [kind, , ...rest] = reply.split('\t').map(unescapeField)
  if (kind === 'NOTFOUND') return undefined
  if (kind === 'FAIL') throw new Error(`dovecot cannot say: ${rest.find((one) => one.startsWith('reason=')) ?? 'FAIL'}`)
  const [user = '', ...fields] = rest
  return entryOf([
    ['user', [user]],
    ...fields.map((field) => {
      const equals = field.indexOf('=')
      return equals < 0 ? ([field, ['']] as const) : ([field.slice(0, equals), [field.slice(equals + 1)]] as const)
    }),
  ])
}

/** Dovecot's dict protocol, major 3 (2.3.15 and later): hello, then a look-up; the answer is `O` and the value, `N`, or `F`. */
async function askDict(key: Key, { options, daemon, signal }: Asking): Promise<DirectoryEntry | undefined> {
  const path = filled(options.key, key, (part) => part)
  // A server may promise an answer (`*1`) and give it later (`+1`).
  const isReply = (line: string) => /^(?:\+\d+\t)?[ONFM]/.test(line)
  const request = `H3\t2\t0\t\t${escapeField(options.dict)}\nL${escapeField(path)}\t\n`
  const reply = (await ask(daemon, request, { isReply, signal })).replace(/^\+\d+\t/, '')
  // Behind the first field are times.
  const value = unescapeField(reply.slice(1).split('\t')[0] ?? '')
  if (reply.startsWith('N')) return undefined
  if (reply.startsWith('F')) throw new Error(`dovecot cannot say: ${value}`)
  return valueEntry(reply.startsWith('M') ? value.split('\t').map(unescapeField) : [value])
}

interface Reading {
  isReply(line: string): boolean
  readonly signal: AbortSignal
}

/** The first line that is a reply to the request. */
async function ask(daemon: Daemon, request: string, { isReply, signal }: Reading): Promise<string> {
  const find = (answer: Buffer): string | undefined => {
    const text = answer.toString('utf8')
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .find(isReply)
  }
  const exchange = new Exchange(daemon, { limit: LONGEST, isWhole: (answer) => find(answer) !== undefined })
  const stop = (): void => exchange.abandon(signal.reason)
  signal.addEventListener('abort', stop)
  try {
    exchange.write(request)
    const reply = find(await exchange.answer)
    if (reply === undefined) throw new Error('dovecot hung up without an answer')
    return reply
  } finally {
    signal.removeEventListener('abort', stop)
    exchange.abandon(new Error('the question is over'))
  }
}
