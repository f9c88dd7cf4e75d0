/** UNIX sockets of workers that have given up their rights: the supervisor, which has made them, takes away what a crash left and gives them to whom they belong. */
import cluster, { type Worker } from 'node:cluster'
import path from 'node:path'
import type { SocketKeeper, SocketRights } from '@postroad/listener'
import { carefulKeeper, type FileOwner } from './socket-file.ts'

interface Question {
  readonly socket: 'clear' | 'give'
  readonly id: number
  readonly path: string
  readonly rights?: SocketRights
}

interface Answer {
  readonly socketAnswer: number
  readonly error?: { readonly message: string; readonly code?: string }
}

/** For a worker: asks the supervisor. */
export function supervisedSockets(): SocketKeeper {
  const waiting = new Map<number, { resolve(): void; reject(error: Error): void }>()
  let questions = 0
  process.on('message', (message: unknown) => {
    if (!isAnswer(message)) return
    const asked = waiting.get(message.socketAnswer)
    waiting.delete(message.socketAnswer)
    if (message.error) asked?.reject(Object.assign(new Error(message.error.message), { code: message.error.code }))
    else asked?.resolve()
  })
  const ask = (question: Omit<Question, 'id'>): Promise<void> =>
    new Promise((resolve, reject) => {
      const id = questions++
      waiting.set(id, { resolve, reject })
      process.send?.({ ...question, id } satisfies Question)
    })
  return {
    clear: (file) => ask({ socket: 'clear', path: path.resolve(file) }),
    give: (file, rights) => ask({ socket: 'give', path: path.resolve(file), rights }),
  }
}

/** For the supervisor: answers the workers, by its own rights; a worker may be hostile. Sockets belong to `uid` and, where nothing else is said, to `gid`. */
export function keepSockets(recipient: FileOwner): void {
  const keeper = carefulKeeper(recipient)
  const obey = ({ socket, path: file, rights }: Question): Promise<void> =>
    socket === 'clear' ? keeper.clear(file) : keeper.give(file, { mode: 0o660, ...rights })
  cluster.on('message', (worker: Worker, message: unknown) => {
    if (!isQuestion(message)) return
    const answer = (error?: NodeJS.ErrnoException): void => {
      if (worker.isConnected())
        worker.send({ socketAnswer: message.id, ...(error && { error: { message: error.message, code: error.code } }) })
    }
    obey(message).then(() => answer(), answer)
  })
}

function isQuestion(message: unknown): message is Question {
  if (!(typeof message === 'object' && message !== null && 'socket' in message && 'path' in message)) return false
  return (
    typeof message.path === 'string' && path.isAbsolute(message.path) && path.resolve(message.path) === message.path
  )
}

function isAnswer(message: unknown): message is Answer {
  return typeof message === 'object' && message !== null && 'socketAnswer' in message
}
