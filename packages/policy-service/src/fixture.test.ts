/** What tests of this package share: a scope that says what a table says, and somebody who asks. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { Judgement, JudgingStages, Wire, WireReply } from '@postroad/smtp'
import { createPolicyListener, type PolicyListener } from './listener.ts'
import type { PolicyListenerOptions } from './options.ts'

/** Replies by stage, `550 5.1.1 text`, with `(disconnect)` behind it where the connection is to be closed. */
export interface Scope {
  readonly connect?: string
  readonly helo?: Readonly<Record<string, string>>
  readonly mail?: Readonly<Record<string, string>>
  readonly rcpt?: Readonly<Record<string, string>>
  readonly data?: string
  readonly judge?: {
    readonly outcome: Judgement['outcome']
    readonly reply?: string
    readonly reason?: string
    readonly mark?: string
    /** Never comes to its end. */
    readonly isEndless?: boolean
  }
}

function reply(text: string | undefined): WireReply | undefined {
  if (text === undefined) return undefined
  if (text === 'throw') throw new Error('a fault of ours')
  const [, code, status, rest = ''] = /^(\d{3}) (?:(\d\.\d+\.\d+) )?([\s\S]*)$/.exec(text) ?? []
  const disconnect = rest.endsWith(' (disconnect)')
  const words = rest.replace(/ \(disconnect\)$/, '').split('\n')
  return { code: Number(code), ...(status && { status }), text: words, disconnect }
}

/** Stages that say what the table says, and write down what they hear. */
export function stagesOf(scope: Scope, heard: string[], wires: Wire[] = []): (wire: Wire) => JudgingStages {
  return (wire) => {
    wires.push(wire)
    let recipients = 0
    const hear = (text: string): void => void heard.push(text)
    const stages = {
      connect() {
        hear('connect')
        return reply(scope.connect)
      },
      helo(name: string, verb: string) {
        hear(`helo ${verb} ${name}`)
        return reply(scope.helo?.[name])
      },
      mail: (from: object | undefined, { size }: { size?: number }) => {
        hear(`mail ${from ?? '<>'}${size === undefined ? '' : ` SIZE=${size}`}`)
        return reply(scope.mail?.[String(from ?? '')])
      },
      async rcpt(to: object) {
        hear(`rcpt ${to}`)
        const answer = reply(scope.rcpt?.[String(to)]) ?? { code: 250, text: 'ok' }
        if (answer.code < 300) recipients++
        return answer
      },
      data() {
        hear('data')
        return reply(scope.data)
      },
      async judge(): Promise<Judgement> {
        hear(`judge ${recipients}`)
        const { outcome = 'pass', reason, mark, reply: said, isEndless } = scope.judge ?? {}
        if (isEndless) await new Promise(() => {})
        const refusal = reply(said)
        return {
          outcome,
          ...(refusal && { reply: refusal }),
          ...(reason !== undefined && { reason }),
          ...(mark !== undefined && {
            edits: {
              headers: [{ kind: 'insert', name: 'X', before: 0, raw: Buffer.from(`${mark}\r\n`) }],
              body: undefined,
            },
          }),
          dispose: () => undefined,
        }
      },
      reset: () => hear('reset'),
      close: (reason: string) => hear(`close ${reason}`),
    }
    return stages as unknown as JudgingStages // the rest is for wires of SMTP
  }
}

/** Somebody who asks one question after the other on one connection. */
export interface Asker {
  readonly socket: Socket
  readonly heard: string[]
  readonly wires: Wire[]
  readonly errors: string[]
  readonly listener: PolicyListener
  /** The answer; rejects when the connection closes instead. */
  ask(question: string): Promise<string>
}

/** A listener at a free port, and a connection to it. */
export async function asking(
  t: TestContext,
  scope: Scope = {},
  options: Partial<PolicyListenerOptions> = {},
): Promise<Asker> {
  const [heard, wires, errors]: [string[], Wire[], string[]] = [[], [], []]
  const listener = createPolicyListener(
    { name: 'policy', hostname: 'mx.example.test', onError: (error) => errors.push(String(error)), ...options },
    stagesOf(scope, heard, wires),
  )
  await listener.listen()
  t.after(() => listener.close(0))
  const socket = await join(listener)
  t.after(() => socket.destroy())
  return { socket, heard, wires, errors, listener, ask: (question) => ask(socket, question) }
}

/** One more connection. */
export async function join(listener: PolicyListener): Promise<Socket> {
  const { address } = listener
  const socket = 'path' in address ? connect(address.path) : connect(address.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Asks, and waits for the answer. */
export function ask(socket: Socket, question: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const hear = (chunk: Buffer): void => {
      text += chunk
      if (text.endsWith('\n\n')) done(() => resolve(text))
    }
    const gone = (): void => done(() => reject(new Error('closed')))
    const done = (end: () => void): void => {
      socket.off('data', hear)
      socket.off('close', gone)
      end()
    }
    socket.on('data', hear)
    socket.on('close', gone)
    socket.write(question)
  })
}
