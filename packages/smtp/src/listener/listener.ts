/** The public side of the wire: a place where clients connect, until it is closed. */
import {
  type Certificate,
  certificatesOf,
  type Listener,
  type ListenerAddress,
  Place,
  type SocketKeeper,
  socketKeeper,
} from '@postroad/listener'
import type { ListenerOptions } from '../config/listener-options.ts'
import { settingsOf } from '../config/settings.ts'
import type { Attach } from '../stages.ts'
import { ListenerServer } from './server.ts'

/** Listens for clients of SMTP or LMTP, and makes a connection of each. Closing tells idle clients 421 4.3.2. */
export interface SmtpListener extends Listener {
  /**
   * New connections get these options and stages; those that are open keep theirs. Where it listens stays, and whether TLS is implicit.
   *
   * @throws {ListenerError} when options contradict each other; nothing has changed then
   */
  update(options: ListenerOptions, attach: Attach): void
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
): SmtpListener {
  const server = new ListenerServer(settingsOf(options), attach)
  server.setCertificates(certificatesOf(options))
  return new ServerListener(server, options.name, new Place(options, keeper))
}

class ServerListener implements SmtpListener {
  readonly #server: ListenerServer
  readonly #place: Place
  #name: string
  #stopping: Promise<void> | undefined

  constructor(server: ListenerServer, name: string, place: Place) {
    this.#server = server
    this.#name = name
    this.#place = place
  }

  get name(): string {
    return this.#name
  }

  get address(): ListenerAddress {
    return this.#place.address
  }

  get connections(): number {
    return this.#server.connections.size
  }

  listen(): Promise<void> {
    return this.#place.open(this.#server.server)
  }

  permit(options: Pick<ListenerOptions, 'mode' | 'group'>): Promise<void> {
    return this.#place.permit(options)
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
