/** The public side of the wire: a place where clients connect, until it is closed. */
import type { ListenerOptions } from '../config/listener-options.ts'
import { ListenerError, settingsOf } from '../config/settings.ts'
import type { Attach } from '../stages.ts'
import { type Certificate, certificatesOf } from '../tls/tls.ts'
import { ListenerServer } from './server.ts'
import { groupId, type SocketKeeper, socketKeeper } from './unix-socket.ts'

/** Where a {@link Listener} listens. */
export type ListenerAddress = { readonly host: string; readonly port: number } | { readonly path: string }

/** Listens for clients, and makes a connection of each. */
export interface Listener {
  readonly name: string
  /** Where it listens. @throws {ListenerError} before `listen` has resolved */
  readonly address: ListenerAddress
  /** Sessions that are open. */
  readonly connections: number
  /** Resolves when clients can connect. @throws the system's error (EADDRINUSE …) */
  listen(): Promise<void>
  /** No new connections from now on; those that are open go on. A UNIX socket is taken away. */
  stop(): Promise<void>
  /** Stops; tells idle clients 421 4.3.2, lets transactions finish within the grace, then cuts them off. Resolves when all are gone. */
  close(graceMs: number): Promise<void>
  /**
   * New connections get these options and stages; those that are open keep theirs. Where it listens stays, and whether TLS is implicit.
   *
   * @throws {ListenerError} when options contradict each other; nothing has changed then
   */
  update(options: ListenerOptions, attach: Attach): void
  /** Lets those connect to the UNIX socket who `mode` and `group` say. Rejects with the system's error. */
  permit(options: Pick<ListenerOptions, 'mode' | 'group'>): Promise<void>
  /** New handshakes use these certificates. */
  setCertificate(certificate: Certificate | readonly Certificate[]): void
}

/**
 * Makes a listener; it does nothing before `listen`.
 *
 * @param keeper who sees to UNIX sockets; default: this process by its own rights
 * @throws {ListenerError} when options contradict each other
 */
export function createListener(
  options: ListenerOptions,
  attach: Attach,
  keeper: SocketKeeper = socketKeeper(),
): Listener {
  const server = new ListenerServer(settingsOf(options), attach)
  server.setCertificates(certificatesOf(options))
  return new ServerListener(server, { options, keeper })
}

/** Octal: the user of the server and its group. */
const SOCKET_MODE = 0o660

class ServerListener implements Listener {
  readonly #server: ListenerServer
  readonly #options: ListenerOptions
  readonly #keeper: SocketKeeper
  #name: string
  #address: ListenerAddress | undefined
  #stopping: Promise<void> | undefined

  constructor(
    server: ListenerServer,
    { options, keeper }: { readonly options: ListenerOptions; readonly keeper: SocketKeeper },
  ) {
    this.#server = server
    this.#options = options
    this.#keeper = keeper
    this.#name = options.name
  }

  get name(): string {
    return this.#name
  }

  get address(): ListenerAddress {
    if (this.#address === undefined) throw new ListenerError(`Listener ${this.name} does not listen yet`)
    return this.#address
  }

  get connections(): number {
    return this.#server.connections.size
  }

  async listen(): Promise<void> {
    const { path, host, port = 0, backlog = 511 } = this.#options
    if (path !== undefined) await this.#keeper.clear(path)
    const socket = this.#server.server
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      this.#server.listen(
        path === undefined ? { port, backlog, ...(host !== undefined && { host }) } : { path, backlog },
        () => {
          socket.off('error', reject)
          resolve()
        },
      )
    })
    const address = socket.address()
    if (typeof address === 'object' && address !== null) this.#address = { host: address.address, port: address.port }
    else if (path !== undefined) {
      this.#address = { path }
      await this.permit(this.#options)
    }
  }

  async permit({ mode = SOCKET_MODE, group }: Pick<ListenerOptions, 'mode' | 'group'>): Promise<void> {
    const { path } = this.#options
    if (path !== undefined)
      await this.#keeper.give(path, { mode, ...(group === undefined ? {} : { gid: await groupId(group) }) })
  }

  stop(): Promise<void> {
    // Node takes a UNIX socket away itself. The callback comes when the last connection is gone, and nobody waits for that here.
    this.#stopping ??= new Promise((resolve) => {
      this.#server.server.close()
      setImmediate(resolve)
    })
    return this.#stopping
  }

  async close(graceMs: number): Promise<void> {
    await this.stop()
    await this.#server.drain(graceMs)
  }

  update(options: ListenerOptions, attach: Attach): void {
    const settings = settingsOf(options)
    this.#server.setCertificates(certificatesOf(options))
    this.#server.update(settings, attach)
    this.#name = settings.name
  }

  setCertificate(certificate: Certificate | readonly Certificate[]): void {
    this.#server.setCertificates(certificatesOf({ certificate }))
  }
}
