/** What a listener of any kind is to the server it belongs to, and how its socket is opened. */
import type { Server } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { ListenerError } from './errors.ts'
import type { Certificate } from './tls.ts'
import { groupId, type SocketKeeper } from './unix-socket.ts'

/** Where a {@link Listener} listens. */
export type ListenerAddress = { readonly host: string; readonly port: number } | { readonly path: string }

/** A place to listen at: a port, or the path of a UNIX socket. */
export interface PlaceOptions {
  /** Default 0: any that is free. */
  readonly port?: number
  /** Default: all addresses, IPv4 and IPv6. */
  readonly host?: string
  /** Path of a UNIX socket, instead of host and port. */
  readonly path?: string
  /** Permissions of the UNIX socket; default 0o660: the user of the server, and its group. */
  readonly mode?: number
  /** Group of the UNIX socket, by name or number; default: the group of the server. For who is neither its user nor in its group, a Postfix in its chroot for one. */
  readonly group?: string | number
  /** Connections the system may keep waiting; default 511. */
  readonly backlog?: number
}

/** Sentences that begin with the option, none when all is well. Types are for the schema to judge. */
export function placeMistakes({ path, ...options }: PlaceOptions): readonly string[] {
  if (path !== undefined) return []
  return (['mode', 'group'] as const).flatMap((key) =>
    options[key] === undefined ? [] : `${key}: only a UNIX socket has one: give the path of it instead of a port`,
  )
}

/** Listens for clients, and serves each. Each kind adds how it is told anew by a reload. */
export interface Listener {
  readonly name: string
  /** Where it listens. @throws {ListenerError} before `listen` has resolved */
  readonly address: ListenerAddress
  /** Connections that are open. */
  readonly connections: number
  /** Resolves when clients can connect. @throws the system's error (EADDRINUSE …) */
  listen(): Promise<void>
  /** No new connections from now on; those that are open go on. A UNIX socket is taken away. */
  stop(): Promise<void>
  /** Stops; lets what is under way finish within the grace, in milliseconds, then cuts it off. Resolves when all connections are gone. */
  close(graceMs: number): Promise<void>
  /** Lets those connect to the UNIX socket who `mode` and `group` say. Rejects with the system's error. */
  permit(options: Pick<PlaceOptions, 'mode' | 'group'>): Promise<void>
  /** New handshakes use these certificates. */
  setCertificate(certificate: Certificate | readonly Certificate[]): void
}

/** Octal: the user of the server and its group. */
const SOCKET_MODE = 0o660

/** The socket of a listener. */
export class Place {
  readonly #options: PlaceOptions
  readonly #keeper: SocketKeeper
  #address: ListenerAddress | undefined

  constructor(options: PlaceOptions, keeper: SocketKeeper) {
    this.#options = options
    this.#keeper = keeper
  }

  /** @throws {ListenerError} before `open` has resolved */
  get address(): ListenerAddress {
    if (this.#address === undefined) throw new ListenerError('the listener does not listen yet')
    return this.#address
  }

  /** Resolves when clients can connect. Rejects with the system's error (EADDRINUSE …). */
  async open(server: Server): Promise<void> {
    const { path, host, port = 0, backlog = 511 } = this.#options
    if (path !== undefined) await this.#keeper.clear(path)
    await new Promise<void>((resolve, reject) => {
      const listening = (): void => {
        server.off('error', reject)
        resolve()
      }
      server.once('error', reject)
      if (path === undefined) server.listen({ port, backlog, ...(host !== undefined && { host }) }, listening)
      else forOwner(() => server.listen({ path, backlog }, listening))
    })
    const address = server.address()
    if (typeof address === 'object' && address !== null) this.#address = { host: address.address, port: address.port }
    else if (path !== undefined) {
      this.#address = { path }
      await this.permit(this.#options)
    }
  }

  /** Lets those connect to the UNIX socket who `mode` and `group` say; nothing where there is none. */
  async permit({ mode = SOCKET_MODE, group }: Pick<PlaceOptions, 'mode' | 'group'>): Promise<void> {
    const { path } = this.#options
    if (path !== undefined)
      await this.#keeper.give(path, { mode, ...(group === undefined ? {} : { gid: await groupId(group) }) })
  }
}

/** A socket is made at once, with the permissions that the mask leaves: it is its owner's alone until it is given to others. */
function forOwner(make: () => void): void {
  // The mask is the process', and only its main thread may change it.
  const before = isMainThread ? process.umask(OWNER_ONLY) : undefined
  try {
    make()
  } finally {
    if (before !== undefined) process.umask(before)
  }
}

/** Octal: takes away all but reading and writing by the owner. */
const OWNER_ONLY = 0o177
