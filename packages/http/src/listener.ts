/** A listener of kind `http`: like those of mail it is opened, told anew by a reload, and closed. */
import { once } from 'node:events'
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer, Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import { getRequestListener } from '@hono/node-server'
import {
  Admission,
  type Certificate,
  certificatesOf,
  contextFor,
  HandshakeError,
  type Listener,
  type ListenerAddress,
  ListenerError,
  LOOPBACK,
  Place,
  plainAddress,
  SERVER_TLS,
  type SocketKeeper,
  secureContexts,
  socketKeeper,
} from '@postroad/listener'
import {
  DEFAULT_HTTP_LIMITS,
  type HttpLimits,
  type HttpListenerOptions,
  type HttpToken,
  httpMistakes,
} from './options.ts'
import { problem } from './problem.ts'
import { createSite, type HttpBindings, type HttpSite, type SiteAnswer } from './site.ts'
import { Streams } from './streams.ts'
import { Tokens, WrongTokens } from './token.ts'

/** Listens for programs and browsers. Closing ends what streams, and lets requests finish. */
export interface HttpListener extends Listener {
  /**
   * Requests from now on are answered so, also those on connections that are open. Where it listens stays, and whether it is TLS.
   *
   * @throws {ListenerError} when options contradict each other, or routes are the same; nothing has changed then
   */
  update(options: HttpListenerOptions, site: HttpSite): void
  /** These tokens and no others from now on, for streams that are open, too: their readers have to come again. */
  setTokens(tokens: readonly HttpToken[]): void
}

/**
 * Makes a listener; it does nothing before `listen`.
 *
 * @param keeper who sees to UNIX sockets; default: this process by its own rights
 * @throws {ListenerError} when options contradict each other, or routes are the same
 */
export function createHttpListener(
  options: HttpListenerOptions,
  site: HttpSite,
  keeper: SocketKeeper = socketKeeper(),
): HttpListener {
  return new ServerListener(options, site, keeper)
}

/** Octets of a request line and a header section. */
const HEADER_SIZE = 16_384
/** Milliseconds between looks at requests that are slow to come. */
const LOOK_MS = 2_000

/** What node finds wrong with a request before anybody sees it; all else is no HTTP. */
const SAID: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

class ServerListener implements HttpListener {
  readonly #server: Server
  readonly #place: Place
  readonly #admission: Admission
  readonly #door = { wrongTokens: new WrongTokens(), tokens: new Tokens(), streams: new Streams() }
  /** Settles when the socket is closed and all connections are gone; undefined when it was never open. */
  #gone: Promise<unknown> | undefined
  #contexts: ReadonlyMap<string, SecureContext> = new Map()
  #options: HttpListenerOptions
  #site: HttpSite
  #answer: SiteAnswer

  constructor(options: HttpListenerOptions, site: HttpSite, keeper: SocketKeeper) {
    this.#options = options
    this.#site = site
    this.#answer = this.#siteOf(options, site)
    this.#door.tokens.replace(options.tokens ?? [])
    const limits = limitsOf(options)
    this.#admission = new Admission(admissionOf(limits))
    this.#place = new Place(
      { ...options, ...(options.path === undefined && { host: options.host ?? LOOPBACK }) },
      keeper,
    )
    const answer: RequestListener = getRequestListener(
      (request, bindings) => this.#answer(request, bindings as HttpBindings),
      {
        // It is no server of HTTP/2.
        overrideGlobalObjects: false,
        errorHandler: (error) => {
          this.#report(error)
          return problem(400)
        },
      },
    )
    this.#server = this.#createServer(limits, answer)
    this.setCertificate(options.certificate ?? [])
    this.#server.on('connection', (socket) => this.#admit(socket))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const line = error.code === undefined ? undefined : SAID[error.code]
      if (socket.writable) socket.end(`HTTP/1.1 ${line ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`)
      else socket.destroy()
    })
    this.#server.on('tlsClientError', (error: Error, socket: TLSSocket) =>
      this.#report(new HandshakeError(error, plainAddress(socket.remoteAddress))),
    )
  }

  get name(): string {
    return this.#options.name
  }

  get address(): ListenerAddress {
    return this.#place.address
  }

  get connections(): number {
    return this.#admission.open
  }

  async listen(): Promise<void> {
    await this.#place.open(this.#server)
    this.#gone = once(this.#server, 'close')
    this.#server.on('error', (error) => this.#report(error))
  }

  permit(options: Pick<HttpListenerOptions, 'mode' | 'group'>): Promise<void> {
    return this.#place.permit(options)
  }

  async stop(): Promise<void> {
    if (this.#server.listening) this.#server.close()
    // What streams would never end by itself.
    this.#door.streams.close()
    this.#server.closeIdleConnections()
  }

  async close(graceMs: number): Promise<void> {
    await this.stop()
    if (!this.#gone) return
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs)
    await this.#gone
    clearTimeout(timer)
  }

  update(options: HttpListenerOptions, site: HttpSite): void {
    this.#answer = this.#siteOf(options, site)
    this.#options = options
    this.#site = site
    // What they tell of is served by others now.
    this.setTokens(options.tokens ?? [])
    this.setCertificate(options.certificate ?? [])
    const limits = limitsOf(options)
    this.#admission.limits = admissionOf(limits)
    Object.assign(this.#server, timesOf(limits))
  }

  setTokens(tokens: readonly HttpToken[]): void {
    this.#door.tokens.replace(tokens)
    this.#door.streams.end()
  }

  setCertificate(certificate: Certificate | readonly Certificate[]): void {
    const certificates = certificatesOf({ certificate })
    this.#contexts = secureContexts(certificates)
    // For a client that names no server.
    const first = certificates.find(({ servernames }) => servernames === undefined) ?? certificates[0]
    if (!first || !(this.#server instanceof SecureServer)) return
    const { key, cert, passphrase } = first
    this.#server.setSecureContext({ key, cert, ...(passphrase !== undefined && { passphrase }), ...SERVER_TLS })
  }

  #siteOf(options: HttpListenerOptions, site: HttpSite): SiteAnswer {
    const mistakes = httpMistakes(options)
    if (mistakes.length > 0) throw new ListenerError(`Listener ${options.name}: ${mistakes.join('; ')}`)
    try {
      return createSite(options, site, this.#door)
    } catch (error) {
      throw new ListenerError(`Listener ${options.name}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      })
    }
  }

  #createServer(limits: HttpLimits, answer: RequestListener): Server {
    const common = {
      maxHeaderSize: HEADER_SIZE,
      connectionsCheckingInterval: LOOK_MS,
      noDelay: true,
      ...timesOf(limits),
    }
    if (!isSecure(this.#options)) return createPlainServer(common, answer)
    const SNICallback = (servername: string, done: (error: Error | null, context?: SecureContext) => void): void =>
      done(null, contextFor(this.#contexts, servername))
    return createSecureServer(
      { ...common, ...SERVER_TLS, handshakeTimeout: limits.headerTimeoutMs, SNICallback },
      answer,
    )
  }

  #admit(socket: Socket): void {
    const slot = this.#admission.enter()
    if (slot && this.#admission.enterClient(slot, plainAddress(socket.remoteAddress), Date.now())) {
      // Its name may change while it is open, and what was opened under one is closed under it.
      const { name: listener } = this
      this.#site.onConnection?.({ listener, state: 'opened' })
      socket.once('close', () => {
        this.#admission.leave(slot)
        this.#site.onConnection?.({ listener, state: 'closed', reason: socket.readableEnded ? 'client' : 'server' })
      })
      return
    }
    if (slot) this.#admission.leave(slot)
    socket.destroy()
  }

  #report(error: unknown): void {
    this.#options.onError?.(error)
  }
}

function isSecure({ tls, certificate }: HttpListenerOptions): boolean {
  return tls === 'implicit' || (tls === undefined && certificatesOf({ ...(certificate && { certificate }) }).length > 0)
}

function limitsOf({ limits }: HttpListenerOptions): HttpLimits {
  return { ...DEFAULT_HTTP_LIMITS, ...limits }
}

function admissionOf({ connections, connectionsPerAddress }: HttpLimits): Admission['limits'] {
  return {
    connections,
    connectionsPerAddress,
    connectionsPerNetwork: 4 * connectionsPerAddress,
    connectionsPerMinute: 0,
  }
}

function timesOf({ headerTimeoutMs, requestTimeoutMs, idleTimeoutMs }: HttpLimits): {
  headersTimeout: number
  requestTimeout: number
  keepAliveTimeout: number
} {
  return { headersTimeout: headerTimeoutMs, requestTimeout: requestTimeoutMs, keepAliveTimeout: idleTimeoutMs }
}
