/** The server of smtp-server with connections of ours: it accepts, upgrades to TLS, counts, and closes. */
import type { Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import { SMTPServer } from 'smtp-server'
import type { Channel } from './channel.ts'
import { Clock } from './clock.ts'
import { Connection } from './connection.ts'
import { clientKey, plainAddress } from './endpoint.ts'
import type { Settings } from './listener-options.ts'
import { formatPlain } from './reply.ts'
import type { Attach, Stages, Wire } from './stages.ts'
import { type Certificate, contextFor, secureContexts } from './tls.ts'

/** Deadlines are looked at this often, or four times in the shortest of them. */
const TICK_MS = 1000
/** How long a client that is turned away may take to read why. */
const LINGER_MS = 1000

/** Accepts the connections of one listener. */
export class Server extends SMTPServer {
  readonly settings: Settings
  readonly clock: Clock
  readonly isImplicitTls: boolean
  /** The server is near its limits. */
  stress = false
  #attach: Attach
  /** Sockets that are open, also before and after their session. */
  #open = 0
  readonly #byClient = new Map<string, number>()
  readonly #live = new Set<Channel>()
  #onEmpty: (() => void) | undefined

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
    this.isImplicitTls = settings.tls === 'implicit'
    const { commandTimeoutMs, sessionTimeoutMs, dataGraceMs } = settings.limits
    const tickMs = Math.max(10, Math.min(TICK_MS, commandTimeoutMs / 4, sessionTimeoutMs / 4, dataGraceMs / 4))
    this.clock = new Clock(tickMs, (now) => this.#tick(now))
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

  /** Connections from now on get these stages. */
  setAttach(attach: Attach): void {
    this.#attach = attach
  }

  attach(wire: Wire): Stages {
    return this.#attach(wire)
  }

  /** Tells the clients that it is over, gives those in a transaction time to finish, and resolves when all sockets are closed. */
  async drain(graceMs: number): Promise<void> {
    for (const socket of this._pendingSockets.values()) socket.destroy()
    for (const connection of this.#live) connection.leave()
    if (this.#open === 0) return
    const timer = setTimeout(() => this.#abort(), graceMs)
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
    clearTimeout(timer)
  }

  #abort(): void {
    for (const connection of this.#live) connection.abort('server')
  }

  override connect(socket: Socket | TLSSocket): void {
    const connection = new Connection(this, socket)
    this.connections.add(connection)
    this.#live.add(connection)
    connection.init()
  }

  /** The socket of a connection is closed. */
  release(connection: Channel): void {
    if (this.#live.delete(connection) && !this.isImplicitTls) this.#discount(connection.peer)
  }

  override _acceptSocket(socket: Socket, handshake: boolean): (() => void) | false {
    const address = plainAddress(socket.remoteAddress)
    if (!this.#admit(address)) {
      turnAway(socket, handshake ? '' : formatPlain({ code: 421, text: `${this.settings.hostname} Too many connections, try again later` }))
      return false
    }
    // STARTTLS takes the listeners off the socket, so a connection without TLS tells by itself when it is closed.
    if (handshake) socket.once('close', () => this.#discount(address))
    return super._acceptSocket(socket, handshake)
  }

  #admit(address: string): boolean {
    const { connections, connectionsPerAddress } = this.settings.limits
    const key = clientKey(address)
    const ofClient = (this.#byClient.get(key) ?? 0) + 1
    if (this.#open >= connections || (key !== '' && ofClient > connectionsPerAddress)) return false
    this.#byClient.set(key, ofClient)
    if (this.#open++ === 0) this.clock.start()
    return true
  }

  #discount(address: string): void {
    const key = clientKey(address)
    const ofClient = (this.#byClient.get(key) ?? 1) - 1
    if (ofClient > 0) this.#byClient.set(key, ofClient)
    else this.#byClient.delete(key)
    if (--this.#open > 0) return
    this.clock.stop()
    this.#onEmpty?.()
  }

  #tick(now: number): void {
    for (const connection of this.#live) connection.tick(now)
  }

  override _expectsProxyHeader(): boolean {
    return false
  }

  override _handleProxy(_socket: Socket, callback: (error: null, options: { id: string }) => void): void {
    callback(null, { id: 'c' })
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

  override _onError(error: Error): void {
    this.settings.onError(error)
  }
}

/** One connection too many: said in one packet, if it can be, and closed whether it is read or not. */
function turnAway(socket: Socket, text: string): void {
  socket.on('error', () => {}) // it is on its way out: how it goes does not matter
  if (text === '') return void socket.destroy()
  socket.end(text, 'latin1')
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
