/** UNIX sockets of workers that have given up their rights: the supervisor, which has made them, takes away what a crash left and gives them to whom they belong. */
import cluster, { type Worker } from 'node:cluster'
import { readdir, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'
import { type SocketKeeper, type SocketRights, socketKeeper } from '@postroad/smtp'

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

/** For the supervisor: answers the workers, by its own rights. Sockets belong to `uid` and, where nothing else is said, to `gid`. */
export function keepSockets({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  const keeper = socketKeeper(uid)
  const obey = async ({ socket, path: file, rights }: Question): Promise<void> => {
    if (socket === 'clear') return keeper.clear(file)
    // A worker has the rights of nobody, and must not get at other people's files by us.
    if (!(await isOurs(file))) throw new Error(`${file} is no socket of this server`)
    await keeper.give(file, { mode: rights?.mode ?? 0o660, gid: rights?.gid ?? gid })
  }
  cluster.on('message', (worker: Worker, message: unknown) => {
    if (!isQuestion(message)) return
    const answer = (error?: NodeJS.ErrnoException): void => {
      if (worker.isConnected())
        worker.send({ socketAnswer: message.id, ...(error && { error: { message: error.message, code: error.code } }) })
    }
    obey(message).then(() => answer(), answer)
  })
}

/** Whether this process listens there; known from the system, and not from who asks. */
async function isOurs(file: string): Promise<boolean> {
  const table = await readFile('/proc/net/unix', 'utf8').catch(() => undefined) // no Linux: then it cannot be known
  if (table === undefined) return true
  const inodes = table.split('\n').flatMap((line) => {
    const [, , , , , , inode, ...name] = line.trim().split(/\s+/)
    return inode !== undefined && path.resolve(name.join(' ')) === file ? [`socket:[${inode}]`] : []
  })
  const open = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return open.some((target) => inodes.includes(target))
}

function isQuestion(message: unknown): message is Question {
  return typeof message === 'object' && message !== null && 'socket' in message && 'path' in message && typeof message.path === 'string'
}

function isAnswer(message: unknown): message is Answer {
  return typeof message === 'object' && message !== null && 'socketAnswer' in message
}
