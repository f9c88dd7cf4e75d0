/** The server of smtp-server with connections of ours: it accepts, upgrades to TLS, counts, and closes. */

import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import {
  Admission,
  type Certificate,
  contextFor,
  giveUpAtEnd,
  HandshakeError,
  plainAddress,
  type Slot,
  secureContexts,
} from '@postroad/listener'
import { type Limits, tightened } from '../config/limits.ts'
import type { Settings } from '../config/settings.ts'
import { Connection, type SessionServer } from '../session/connection.ts'
import type { Attach, Stages, Wire } from '../stages.ts'
import { VERBS } from '../verb/verbs.ts'
import { Chain } from '../wire/chain.ts'
import type { Channel } from '../wire/channel.ts'
import { TickingClock } from '../wire/clock.ts'
import type { Origin } from '../wire/origin.ts'
import { readProxyHeader } from '../wire/proxy-header.ts'
import { formatPlain } from '../wire/reply.ts'
import { Stress } from './stress.ts'

// As CommonJS: its ECMAScript modules import node:http, which reads all that it exports, and with that loads the whole of fetch: 50 ms.
const { SMTPServer } = createRequire(import.meta.url)('smtp-server') as typeof import('smtp-server') // the same package

/** Deadlines are looked at this often, or four times in the shortest of them. */
const TICK_MS = 1000
/** How long a client that is turned away may take to read why. */
const LINGER_MS = 1000

/** Accepts the connections of one listener. */
export class ListenerServer extends SMTPServer implements SessionServer {
  /** Of connections from now on. */
  settings: Settings
  readonly clock: TickingClock
  readonly isImplicitTls: boolean
  #stress: Stress
  #tightened: Limits
  #attach: Attach
  /** Sockets that are open, also before and after their session. */
  readonly #admission: Admission
  readonly #live = new Chain<Channel>()
  /** Sockets before their session, in a TLS handshake or a PROXY header, and since when: each octet buys them no more time. */
  readonly #early = new Map<Socket, number>()
  /** Of the socket that is being accepted: smtp-server calls `_acceptSocket` and `_handleProxy` one right after the other. */
  #slot: Slot = { address: undefined, isOpen: false }
  #onEmpty: (() => void) | undefined
  #isClosing = false

  constructor(settings: Settings, attach: Attach) {
    super({
      logger: false,
      disableReverseLookup: true,
      secure: settings.tls === 'implicit',
      name: settings.hostname,
      // A client may close its side before it has read our replies; those to what it had sent are owed to it.
      allowHalfOpen: true,
      noDelay: true,
      socketTimeout: settings.limits.commandTimeoutMs,
    })
    this.settings = settings
    this.#attach = attach
    this.#admission = new Admission(settings.limits)
    this.isImplicitTls = settings.tls === 'implicit'
    this.#stress = new Stress(settings.stress)
    this.#tightened = tightened(settings.limits)
    this.clock = new TickingClock(tickOf(settings.limits), (now, lateMs) => this.#tick(now, lateMs))
  }

  /** The server is near its limits. */
  get stress(): boolean {
    return this.#stress.isOn
  }

  /** What holds now. */
  get limits(): Limits {
    return this.#stress.isOn ? this.#tightened : this.settings.limits
  }

  /** Whether STARTTLS can be honoured. */
  get hasCertificate(): boolean {
    return this.secureContext.has('*')
  }

  /** Handshakes from now on use these. */
  setCertificates(certificates: readonly Certificate[]): void {
    this.secureContext = secureContexts(certificates)
    // A client certificate is asked for where there is somebody to trust, and judged when EXTERNAL is used: nobody needs one to send mail.
    this.options.requestCert = certificates.some(({ ca }) => ca !== undefined)
    this.options.rejectUnauthorized = false
  }

  /** Connections from now on get these. */
  update(settings: Settings, attach: Attach): void {
    this.settings = settings
    this.#attach = attach
    this.#stress = new Stress(settings.stress)
    this.#tightened = tightened(settings.limits)
    this.#admission.limits = settings.limits
    this.options.socketTimeout = settings.limits.commandTimeoutMs
    this.clock.pace(tickOf(settings.limits))
  }

  attach(wire: Wire): Stages {
    return this.#attach(wire)
  }

  /** Tells the clients that it is over, gives those in a transaction time to finish, and resolves when all sockets are closed. */
  async drain(graceMs: number): Promise<void> {
    this.#isClosing = true
    this.#rest()
    for (const socket of this._pendingSockets.values()) socket.destroy()
    for (const connection of this.#live) connection.leave()
    if (this.#admission.open === 0) return
    const timer = setTimeout(() => this.#abort(), graceMs)
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
    clearTimeout(timer)
  }

  #abort(): void {
    for (const connection of this.#live) connection.abort('server')
  }

  override connect(socket: Socket | TLSSocket, origin: Origin): void {
    const { slot, header } = origin
    // A client behind a proxy is only known now.
    if (header !== undefined && !this.#enterClient(slot, header.remote.address)) {
      turnAway(socket, this.#full())
      return
    }
    const connection = new Connection(this, socket, { origin, verbs: VERBS })
    this.#live.add(connection)
    connection.init()
  }

  /** The socket of a connection is closed. */
  release(connection: Channel): void {
    this.#live.delete(connection)
    this.#leave(connection.slot)
  }

  override _acceptSocket(socket: Socket, handshake: boolean): (() => void) | false {
    const address = plainAddress(socket.remoteAddress)
    const isProxy = this.settings.proxies(address)
    const slot = this.#admission.enter()
    if (slot !== undefined && this.#admission.open === 1) this.clock.start()
    if (slot === undefined || !(isProxy || this.#enterClient(slot, address))) {
      if (slot !== undefined) this.#leave(slot)
      turnAway(socket, handshake || isProxy ? '' : this.#full())
      return false
    }
    this.#slot = slot
    // STARTTLS takes the listeners off the socket, but then there is a connection that tells when it is closed.
    if (handshake || isProxy) socket.once('close', () => this.#leave(slot))
    const release = super._acceptSocket(socket, handshake)
    if (release === false || !(handshake || isProxy)) return release
    this.#early.set(socket, this.clock.now)
    const isReady = (): void => void this.#early.delete(socket)
    socket.once('close', isReady)
    return () => {
      isReady()
      release()
    }
  }

  /** Counts the connection for its client; a host that speaks for others is none. */
  #enterClient(slot: Slot, address: string): boolean {
    return this.settings.xclient(address) || this.#admission.enterClient(slot, address, this.clock.now)
  }

  /** XCLIENT: counts the connection for the client that is named; false when that has too many. */
  admit({ slot }: Channel, address: string): boolean {
    return this.#admission.changeClient(slot, address, this.clock.now)
  }

  /** Says which limit the last connection met that was not let in. */
  tooMany(): string {
    return `Too many connections (${this.#admission.met}), try again later`
  }

  #leave(slot: Slot): void {
    this.#admission.leave(slot)
    if (this.#admission.open > 0) return
    this.#rest()
    this.#onEmpty?.()
  }

  /** Nobody is connected: nothing has to be looked at, but stress, which would be found by the next client as the last one left it. */
  #rest(): void {
    if (this.#admission.open === 0 && (this.#isClosing || !this.#stress.isOn)) this.clock.stop()
  }

  #full(): string {
    return formatPlain({ code: 421, text: `${this.settings.hostname} ${this.tooMany()}` })
  }

  #tick(now: number, lateMs: number): void {
    this.#stress.update({ connections: this.#admission.open / this.settings.limits.connections, loopDelayMs: lateMs })
    // statfs works in the pool of threads: what it finds counts at the next tick.
    void this.#stress.updateDisk()
    for (const connection of this.#live) connection.tick(now)
    this.#rest()
    const { commandTimeoutMs, handshakeTimeoutMs } = this.limits
    const patience = Math.min(commandTimeoutMs, handshakeTimeoutMs)
    for (const [socket, since] of this.#early)
      if (now - since > patience) (this._pendingSockets.get(socket) ?? socket).destroy()
  }

  override _upgrade(socket: Socket, callback: (error: Error | null, socket?: TLSSocket) => void): void {
    super._upgrade(socket, callback)
    const secure = this._pendingSockets.get(socket)
    if (secure !== undefined) giveUpAtEnd(secure, socket)
  }

  override _expectsProxyHeader(socket: Socket): boolean {
    return this.settings.proxies(plainAddress(socket.remoteAddress))
  }

  override _handleProxy(socket: Socket, callback: (error: Error | null, origin?: Origin) => void): void {
    const slot = this.#slot
    if (!this._expectsProxyHeader(socket)) {
      callback(null, { id: 'c', slot })
      return
    }
    readProxyHeader(socket, (header) => {
      if (header !== undefined) callback(null, { id: 'c', slot, header })
      else callback(new Error('No PROXY header'))
    })
  }

  override updateSecureContext(): void {
    // The certificate inside smtp-server is public: without one of the operator's there is no TLS.
    this.secureContext ??= new Map()
  }

  override _resolveSNI(servername: string, callback: (error: Error | null, context?: SecureContext) => void): void {
    callback(null, contextFor(this.secureContext, servername))
  }

  override onSecure(_socket: unknown, _session: unknown, callback: () => void): void {
    callback()
  }

  override _onError(
    error: Error & { readonly meta?: { readonly stage?: string; readonly remoteAddress?: string } },
  ): void {
    const isHandshake = error.meta?.stage === 'connect'
    this.settings.onError(isHandshake ? new HandshakeError(error, plainAddress(error.meta?.remoteAddress)) : error)
  }
}

function tickOf({ commandTimeoutMs, handshakeTimeoutMs, sessionTimeoutMs, dataGraceMs }: Limits): number {
  return Math.max(
    10,
    Math.min(TICK_MS, commandTimeoutMs / 4, handshakeTimeoutMs / 4, sessionTimeoutMs / 4, dataGraceMs / 4),
  )
}

/** One connection too many: said in one packet, if it can be, and closed whether it is read or not. */
function turnAway(socket: Socket, text: string): void {
  socket.on('error', () => {}) // it is on its way out: how it goes does not matter
  if (text === '') return void socket.destroy()
  socket.end(text, 'latin1')
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
