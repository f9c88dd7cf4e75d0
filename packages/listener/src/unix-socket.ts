/** UNIX sockets as files: what a crash left is taken away, and what is there belongs to whom the operator says. */
import { execFile } from 'node:child_process'
import { chmod, lchown, lstat, readFile, stat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { ListenerError } from './errors.ts'

/** Who may connect to a UNIX socket. */
export interface SocketRights {
  /** Permissions. */
  readonly mode: number
  /** Number of the group; absent: as it is. */
  readonly gid?: number
}

/** Does what takes the rights of who opens the sockets; in a worker of fewer rights that is another process. */
export interface SocketKeeper {
  /** Takes away what a crash left at the path; a socket that somebody answers on stays. */
  clear(path: string): Promise<void>
  /** Makes an open socket belong to whom it should. Rejects with the system's error. */
  give(path: string, rights: SocketRights): Promise<void>
}

/** By the rights of this process; `uid`: whose the sockets become, default: who makes them. */
export function socketKeeper(uid?: number): SocketKeeper {
  return {
    async clear(path) {
      const stat = await lstat(path).catch(() => undefined) // not there: nothing to take away
      if (stat?.isSocket() && !(await isAnswered(path))) await unlink(path)
    },
    async give(path, { mode, gid }) {
      const stat = await lstat(path)
      if (!stat.isSocket()) throw new Error(`${path} is no socket`)
      if (uid !== undefined || gid !== undefined) await lchown(path, uid ?? stat.uid, gid ?? stat.gid)
      await chmod(path, mode)
    },
  }
}

/** The number of a group, by name or number. @throws {ListenerError} when there is none of that name */
export async function groupId(group: string | number): Promise<number> {
  if (typeof group === 'number') return group
  const listed = await readFile('/etc/group', 'utf8').catch(() => '') // a system that keeps them elsewhere
  const line = lineOf(listed, group) ?? lineOf(await askSystem(group), group)
  const gid = Number(line?.split(':')[2] ?? Number.NaN)
  if (!Number.isInteger(gid)) throw new ListenerError(`group: there is no group ${JSON.stringify(group)}`)
  return gid
}

/** Whether this process may give a group to a socket that it makes at the path, as chown(2) has it. */
export async function mayGiveGroup(path: string, gid: number): Promise<boolean> {
  if (process.getegid?.() === gid || process.getgroups?.().includes(gid) || (await mayChown())) return true
  // What is made in a folder with the bit has its group already.
  const folder = await stat(dirname(path)).catch(() => undefined) // that it is missing is another mistake
  return folder !== undefined && (folder.mode & SET_GID) !== 0 && folder.gid === gid
}

const SET_GID = 0o2000

/** CAP_CHOWN is the lowest bit; a system without capabilities asks for root. */
async function mayChown(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '') // another system
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? []
  return effective === undefined ? process.geteuid?.() === 0 : (Number.parseInt(effective.slice(-1), 16) & 1) === 1
}

function lineOf(text: string, group: string): string | undefined {
  return text.split('\n').find((line) => line.startsWith(`${group}:`))
}

/** Groups of a directory are not in the file. */
async function askSystem(group: string): Promise<string> {
  try {
    return (await promisify(execFile)('getent', ['group', '--', group])).stdout
  } catch {
    return '' // no such group, or no such program: then there is none that we could find
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    // Any other failure says nothing: a datagram socket has an owner, too.
    const probe = connect(path, () => resolve(true)).on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED'),
    )
    probe.once('connect', () => probe.destroy())
  })
}
