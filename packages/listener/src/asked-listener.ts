/** Listeners whose connections stay open while nobody speaks on them, as those of mail servers that ask: one look goes over the clocks of all. */
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { Admission, type AdmissionLimits } from './admission.ts'
import { plainAddress } from './endpoint.ts'
import { type Listener, type ListenerAddress, Place, type PlaceOptions } from './listener.ts'
import type { SocketKeeper } from './unix-socket.ts'

/** Where a listener listens that is for programs of this machine and does not say where. */
export const LOOPBACK = '127.0.0.1'

/** Subscribe to `postroad:asked` to see connections of all such listeners: they outlive the sessions that hooks tell of, or have several at a time. */
const connections = channel('postroad:asked')

/** One connection, as its listener has it. */
export interface AskedConnection {
  /** A look at its clocks. @param now of `performance.now()` */
  look(now: number): void
  /** Ends when nothing is under way, or as soon as it is over. */
  close(): void
  /** Ends now. */
  destroy(): void
}

/** What may change while it listens. */
export interface AskedPace {
  readonly admission: AdmissionLimits
  /** Milliseconds between two looks. */
  readonly lookMs: number
}

/** How it is opened. */
export interface AskedOpening {
  /** Default place: a port of this machine. */
  readonly place: PlaceOptions
  readonly keeper: SocketKeeper
  /** A client that says no more is answered all the same. Default false. */
  readonly allowHalfOpen?: boolean
}

/** Opens, counts, looks after and closes; what is said on a connection is for each kind to know. It speaks no TLS: who asks is this machine, or a network that is trusted. */
export abstract class AskedListener<Connection extends AskedConnection> implements Listener {
  readonly #server: Server
  readonly #place: Place
  readonly #admission: Admission
  readonly #open = new Set<Connection>()
  #lookMs: number
  /** Settles when the socket is closed and all connections are gone; undefined when it was never open. */
  #gone: Promise<unknown> | undefined
  #looks: NodeJS.Timeout | undefined

  constructor({ place, keeper, allowHalfOpen = false }: AskedOpening, { admission, lookMs }: AskedPace) {
    this.#admission = new Admission(admission)
    this.#lookMs = lookMs
    this.#place = new Place({ ...place, ...(place.path === undefined && { host: place.host ?? LOOPBACK }) }, keeper)
    this.#server = createServer({ noDelay: true, allowHalfOpen }, (socket) => this.#admit(socket))
  }

  /** The operator's name for it. */
  abstract get name(): string

  /** Serves a client that was let in. */
  protected abstract serve(socket: Socket): Connection

  /** Told of each that was not. */
  protected abstract turnedAway(): void

  /** Told of what the socket itself says. */
  protected abstract report(error: unknown): void

  get address(): ListenerAddress {
    return this.#place.address
  }

  get connections(): number {
    return this.#admission.open
  }

  async listen(): Promise<void> {
    await this.#place.open(this.#server)
    this.#gone = once(this.#server, 'close')
    this.#server.on('error', (error) => this.report(error))
    this.#look()
  }

  permit(options: Pick<PlaceOptions, 'mode' | 'group'>): Promise<void> {
    return this.#place.permit(options)
  }

  async stop(): Promise<void> {
    if (this.#server.listening) this.#server.close()
  }

  async close(graceMs: number): Promise<void> {
    await this.stop()
    if (!this.#gone) return
    for (const connection of this.#open) connection.close()
    const expired = new AbortController()
    const timer = setTimeout(() => {
      expired.abort()
      for (const connection of this.#open) connection.destroy()
    }, graceMs)
    await this.#gone
    // The server counts a connection out before the connection itself has heard of its end.
    while (this.#open.size > 0) await new Promise(setImmediate)
    clearInterval(this.#looks)
    await this.settle(expired.signal)
    clearTimeout(timer)
  }

  setCertificate(): void {}

  /** Resolves when what goes on after connections are gone is over, or the grace is. */
  protected async settle(_expired: AbortSignal): Promise<void> {}

  /** From now on. */
  protected pace({ admission, lookMs }: AskedPace): void {
    this.#admission.limits = admission
    this.#lookMs = lookMs
    if (this.#looks) this.#look()
  }

  #look(): void {
    clearInterval(this.#looks)
    this.#looks = setInterval(() => {
      const now = performance.now()
      for (const connection of this.#open) connection.look(now)
    }, this.#lookMs).unref()
  }

  #admit(socket: Socket): void {
    const slot = this.#admission.enter()
    if (!slot || !this.#admission.enterClient(slot, plainAddress(socket.remoteAddress), Date.now())) {
      if (slot) this.#admission.leave(slot)
      socket.destroy()
      this.turnedAway()
      return
    }
    const connection = this.serve(socket)
    this.#open.add(connection)
    // Its name may change while it is open, and what was opened under one is closed under it.
    const { name: listener } = this
    connections.publish({ listener, state: 'opened' })
    socket.once('close', () => {
      this.#open.delete(connection)
      this.#admission.leave(slot)
      connections.publish({ listener, state: 'closed', reason: socket.readableEnded ? 'client' : 'server' })
    })
  }
}
