/** A filter that answers as it is told: for the faults and the moments that no real one shows when one wants to see them. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import {
  ACTION,
  type Agreement,
  type Answer,
  agree,
  type Command,
  FrameReader,
  FrameWriter,
  parseCommand,
  STEP,
  writeAnswer,
} from '@postroad/milter-protocol'
import { type FluentSession, sessionWith, type Used } from '@postroad/testing'
import { milter } from './milter.ts'

type Field = Pick<Extract<Command, { kind: 'header' }>, 'name' | 'value'>
/** An answer that says nothing more than its kind. */
type Word =
  | 'continue'
  | 'accept'
  | 'reject'
  | 'tempfail'
  | 'discard'
  | 'skip'
  | 'shutdown'
  | 'connectionFailure'
  | 'progress'

/** What it says to a command: answers, or octets as they are; nothing is `continue` where an answer is wanted. */
export type Said = readonly (Answer | Word)[] | Word | Answer | Uint8Array | 'silence' | 'hang up' | undefined

/** How it behaves. */
export interface FilterScript {
  readonly version?: number
  readonly actions?: number
  readonly steps?: number
  readonly macros?: Agreement['macros']
  /** Sent in place of the answer to the offer. */
  readonly offer?: Said
  says?(command: Command, filter: Filter): Said
}

/** A filter at work. */
export interface Filter extends AsyncDisposable {
  readonly at: string
  /** Everything that was said to it, a line a command: `mail <a@b> SIZE=1`. Macros come as `macros of M`. */
  readonly heard: string[]
  /** Macros by the command they came with, of all sessions. */
  readonly macros: Map<string, ReadonlyMap<string, string>>
  /** Fields and body, as it was shown them. */
  readonly fields: Field[]
  body: string
  readonly connections: number
  /** Connections that are open now. */
  readonly open: ReadonlySet<Socket>
}

/** All that there is. */
export const ALL_ACTIONS = Object.values(ACTION).reduce((sum, bit) => sum | bit, 0)
const UNANSWERED = new Set<Command['kind']>(['abort', 'quit', 'quitSession', 'macros'])
const LEADING = STEP.leadingSpace | STEP.skip

/** Starts one, on loopback. */
export async function startFilter(script: FilterScript = {}): Promise<Filter> {
  const open = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => undefined)
    serve(socket, script, filter)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  const filter: Filter = {
    at: `inet:127.0.0.1:${port}`,
    heard: [],
    macros: new Map(),
    fields: [],
    body: '',
    get connections() {
      return connections
    },
    open,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return filter
}

function serve(socket: Socket, script: FilterScript, filter: Filter): void {
  const reader = new FrameReader()
  socket.on('data', (chunk) => {
    reader.push(chunk)
    for (let frame = reader.next(); frame; frame = reader.next()) {
      const command = parseCommand(frame)
      note(command, filter)
      if (command.kind === 'options') {
        const { version = 6, actions = ALL_ACTIONS, steps = LEADING, macros = {} } = script
        const older = { ...command, version: Math.min(version, command.version) }
        const agreed = agree(older, { actions, steps, macros })
        say(socket, script.offer ?? { kind: 'options', ...agreed })
        continue
      }
      const said = script.says?.(command, filter)
      if (said !== undefined) say(socket, said)
      else if (!UNANSWERED.has(command.kind)) say(socket, 'continue')
    }
  })
}

function say(socket: Socket, said: NonNullable<Said>): void {
  if (said === 'silence') return
  if (said === 'hang up') return void socket.destroy()
  if (said instanceof Uint8Array) return void socket.write(said)
  const out = new FrameWriter()
  const list: readonly (Answer | Word)[] = Array.isArray(said) ? said : [said]
  for (const one of list) writeAnswer(out, typeof one === 'string' ? { kind: one } : one)
  socket.write(out.take())
}

function note(command: Command, filter: Filter): void {
  const { heard, macros, fields } = filter
  switch (command.kind) {
    case 'macros':
      macros.set(String.fromCharCode(command.command), command.macros.all)
      return
    case 'options':
      heard.push(`options ${command.version}`)
      return
    case 'connect':
      heard.push(`connect ${command.name} ${command.family} ${command.address}`)
      return
    case 'helo':
      heard.push(`helo ${command.name}`)
      return
    case 'mail':
    case 'rcpt':
      heard.push([command.kind, command.path, ...command.parameters].join(' '))
      return
    case 'header':
      fields.push({ name: command.name, value: Buffer.from(command.value) })
      heard.push('header')
      return
    case 'body':
      filter.body += Buffer.from(command.data).toString('latin1')
      if (heard.at(-1) !== 'body') heard.push('body')
      return
    default:
      heard.push(command.kind)
  }
}

/** A field of text. */
export const field = (name: string, value: string): Field => ({ name, value: Buffer.from(value, 'latin1') })

/** Collected lines of a dialogue, without the fields. */
export const spoken = (filter: Filter): readonly string[] => filter.heard.filter((line) => line !== 'header')

type Given = Partial<Omit<Parameters<typeof milter>[0], 'at'>>

/** A filter that says this, and the plugin that asks it. */
export async function asked(
  script: FilterScript,
  work: (session: FluentSession, filter: Filter) => PromiseLike<unknown>,
  {
    options = {},
    use = {},
    others = [],
    protocol = 'smtp' as 'smtp' | 'milter' | 'lmtp',
  }: {
    options?: Given
    use?: Exclude<Used, { name: string }>[1]
    others?: readonly Used[]
    protocol?: 'smtp' | 'milter' | 'lmtp'
  } = {},
): Promise<void> {
  await using filter = await startFilter(script)
  await work(sessionWith({ protocol }, [milter({ at: filter.at, ...options }), use], ...others), filter)
}

/** Says it at the commands of a kind. */
export const at =
  (kind: string, said: Said): NonNullable<FilterScript['says']> =>
  (command) =>
    command.kind === kind ? said : undefined

/** Octets as text, a character an octet. */
export const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1')
/** A small message. */
export const letter = 'Subject: x\nTo: y\n\nbody\n'
