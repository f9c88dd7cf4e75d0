/** Readers of events that never read, and what they cost the server. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ServerFigures } from './readers-server.ts'

/** What was measured: without readers, with all of them before anything happens, and while messages are sent. */
export interface ReaderFigures {
  readonly without: ServerFigures
  readonly first: ServerFigures
  readonly rounds: readonly ServerFigures[]
  /** Milliseconds until all were there. */
  readonly opened: number
  readonly port: number
  readonly token: string
  send(count: number): Promise<ServerFigures>
  leave(): Promise<void>
}

/** Opens them, and sends messages in rounds. */
export async function measureReaders(
  context: TestContext,
  { readers, rounds, messages }: { readonly readers: number; readonly rounds: number; readonly messages: number },
): Promise<ReaderFigures> {
  const run = (file: string, ...args: readonly (string | number)[]): ChildProcess => {
    const child = fork(join(import.meta.dirname, file), args.map(String), {
      execArgv: ['--conditions=@postroad/source', '--expose-gc'],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    })
    context.after(() => void child.kill())
    return child
  }
  const server = run('readers-server.ts', readers)
  const [{ port, token }] = (await once(server, 'message')) as [{ port: number; token: string }]
  const send = async (count: number): Promise<ServerFigures> => {
    const answered = once(server, 'message')
    server.send(count)
    const [figures] = (await answered) as [ServerFigures]
    return figures
  }
  await send(messages) // it is warm after these
  const without = await send(messages)
  const began = performance.now()
  const clients = run('slow-readers.ts', port, readers, token)
  await once(clients, 'message')
  const opened = performance.now() - began
  const first = await send(1)
  const all: ServerFigures[] = []
  for (let round = 0; round < rounds; round++) all.push(await send(messages))
  return {
    without,
    first,
    rounds: all,
    opened,
    port,
    token,
    send,
    async leave() {
      clients.kill()
      await once(clients, 'exit')
    },
  }
}
