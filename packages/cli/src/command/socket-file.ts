/**
 * Files of UNIX sockets, handled with the rights of the supervisor on the word of a worker that may be hostile. Between a look at a path
 * and what is done with it somebody who may write in a folder on the way can put a symbolic link there. So each folder is held open while
 * the next is looked up in it, and rights are changed through a descriptor of the very file that was looked at.
 */
import { constants } from 'node:fs'
import { chmod, chown, type FileHandle, open, readdir, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'
import { type SocketKeeper, socketKeeper } from '@postroad/listener'

/** A descriptor that stands for a file and opens nothing; Node has no name for it. */
const O_PATH = 0o10000000
/** Symbolic links of a path, as in Linux. */
const LINK_LIMIT = 40

/** To whom sockets belong, and where nothing else is said, to which group. */
export interface FileOwner {
  readonly uid: number
  readonly gid: number
}

/** By the rights of this process. Needs /proc. Rejects where a path leads over a link that others could have made, or to a file that belongs to neither user. */
export function carefulKeeper({ uid, gid }: FileOwner): SocketKeeper {
  const isKnown = (owner: number): boolean => owner === uid || owner === process.getuid?.()
  return {
    async clear(file) {
      await using folder = await openFolder(path.dirname(file))
      const pinned = inside(folder, path.basename(file))
      await using socket = await openPath(pinned).catch(absent)
      if (socket && isKnown((await socket.stat()).uid)) await socketKeeper().clear(pinned)
    },
    async give(file, rights) {
      await using folder = await openFolder(path.dirname(file))
      await using socket = await openPath(inside(folder, path.basename(file)))
      const stat = await socket.stat()
      // A second name would be that of a socket somewhere else.
      if (!stat.isSocket() || stat.nlink > 1 || !isKnown(stat.uid) || !(await isOurs(file)))
        throw new Error(`${file} is no socket of this server`)
      await chown(self(socket), uid, rights.gid ?? gid)
      await chmod(self(socket), rights.mode & 0o777)
    },
  }
}

/** Follows no link, but in folders where only this user and root can make one. */
async function openFolder(folder: string, links = 0): Promise<FileHandle> {
  let at = await openPath('/')
  try {
    const names = folder.split('/').filter((name) => name !== '')
    for (const [index, name] of names.entries()) {
      const next = await openPath(inside(at, name))
      const stat = await next.stat()
      if (!stat.isDirectory()) {
        await next.close()
        const here = `/${names.slice(0, index).join('/')}`
        if (!stat.isSymbolicLink() || links === LINK_LIMIT || !(await isSafe(at)))
          throw new Error(
            `${path.join(here, name)} is no folder, or a link in a folder where others than root may write: name the folder itself`,
          )
        const target = path.resolve(here, await readlink(inside(at, name)), ...names.slice(index + 1))
        await at.close()
        return await openFolder(target, links + 1)
      }
      await at.close()
      at = next
    }
    return at
  } catch (error) {
    await at.close()
    throw error
  }
}

async function isSafe(folder: FileHandle): Promise<boolean> {
  const { uid, mode } = await folder.stat()
  return (uid === 0 || uid === process.getuid?.()) && (mode & 0o022) === 0
}

function openPath(file: string): Promise<FileHandle> {
  return open(file, O_PATH | constants.O_NOFOLLOW)
}

function self({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`
}

function inside(folder: FileHandle, name: string): string {
  return `${self(folder)}/${name}`
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/** Whether this process listens there; known from the system, and not from who asks. */
async function isOurs(file: string): Promise<boolean> {
  const table = await readFile('/proc/net/unix', 'utf8')
  const inodes = table.split('\n').flatMap((line) => {
    const [, , , , , , inode, ...name] = line.trim().split(/\s+/)
    return inode !== undefined && path.resolve(name.join(' ')) === file ? [`socket:[${inode}]`] : []
  })
  const opened = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  )
  return opened.some((target) => inodes.includes(target))
}
