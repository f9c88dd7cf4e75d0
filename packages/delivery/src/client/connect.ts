/** Opens a connection to a server, up to where the first MAIL may be sent. */
import { connect as connectSocket, type Socket } from 'node:net'
import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { deadline } from '../deadline.ts'
import { ClientConnection } from './connection.ts'
import { identityError, tlsOptions } from './identity.ts'
import { localReply, type Reply, ReplyParser } from './reply.ts'
import type { Credentials, Target } from './target.ts'
import type { Timeouts } from './timeouts.ts'

/** How far a connection came. */
export type ConnectStage = 'connect' | 'greeting' | 'hello' | 'tls' | 'auth'

/** Why there is no connection; an operational failure that a transport turns into outcomes. */
export class ConnectError extends Error {
  readonly stage: ConnectStage
  /** What the server said, or our own words. A 5yz at the greeting is about the host, not about recipients. */
  readonly reply: Reply
  /** Of the operating system, where it was that: `ECONNREFUSED`. */
  readonly code: string | undefined

  constructor(stage: ConnectStage, reply: Reply, cause?: unknown) {
    super(reply.text, { cause })
    this.name = 'ConnectError'
    this.stage = stage
    this.reply = reply
    this.code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
  }
}

/** How to present ourselves, and how long to wait. */
export interface ConnectOptions {
  /** Name for EHLO, RFC 5321 §4.1.1.1. */
  readonly hostname: string
  readonly timeouts: Timeouts
  readonly signal: AbortSignal
}

/**
 * Connects, greets, negotiates TLS and authenticates.
 *
 * @throws {ConnectError} when any of it fails; nothing is left open then
 */
export async function openConnection(target: Target, options: ConnectOptions): Promise<ClientConnection> {
  try {
    return await openOnce(target, options)
  } catch (error) {
    // RFC 7435 §3, RFC 3207 §4.1: where TLS is only an opportunity, a handshake that fails must not stop the mail.
    const mayFallBack = error instanceof ConnectError && error.stage === 'tls' && target.tls.mode === 'opportunistic'
    if (!mayFallBack || options.signal.aborted) throw error
    return await openOnce({ ...target, tls: { mode: 'none' } }, options)
  }
}

async function openOnce(target: Target, given: ConnectOptions): Promise<ClientConnection> {
  using limit = deadline(given.signal, given.timeouts.setup)
  const options = { ...given, signal: limit.signal }
  const socket = await openSocket(target, options)
  const connection = new ClientConnection(connectionOptions(target, options, socket))
  try {
    await greet(connection, options)
    verifyIdentity(connection, target)
    if (target.auth !== undefined) await authenticate(connection, target.auth, options)
    connection.takeOver()
    return connection
  } catch (error) {
    connection.close()
    socket.destroy()
    if (given.signal.aborted) throw new ConnectError('connect', localReply(451, '4.3.2', 'Given up'), error)
    throw error
  }
}

function verifyIdentity({ secured }: ClientConnection, target: Target): void {
  const error = secured && identityError(target, secured)
  if (!error) return
  const code = 'code' in error ? ` (${String(error.code)})` : ''
  throw new ConnectError('tls', localReply(454, '4.7.5', `The certificate was not accepted${code}`), error)
}

/** TCP or a UNIX socket, with a time limit of its own. */
function openSocket(target: Target, { timeouts, signal }: ConnectOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { localAddress } = target
    const socket =
      target.path !== undefined
        ? connectSocket({ path: target.path })
        : connectSocket({ host: target.address ?? target.host, port: target.port, noDelay: true, ...(localAddress && { localAddress }) })
    const end = (error?: Error) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.removeAllListeners('error')
      if (error === undefined) return resolve(socket)
      // The socket may still report what it was busy with.
      socket.on('error', () => {})
      socket.destroy()
      reject(new ConnectError('connect', connectReply(error), error))
    }
    const timer = setTimeout(() => end(tooLate()), timeouts.connect)
    const abort = () => end(tooLate())
    socket.once('error', end)
    socket.once('connect', () => end())
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

function connectionOptions(target: Target, { hostname, timeouts }: ConnectOptions, socket: Socket): SMTPConnectionOptions {
  const { mode } = target.tls
  return {
    connection: socket,
    host: target.path === undefined ? target.host : 'localhost',
    port: target.port,
    name: hostname,
    lmtp: target.protocol === 'lmtp',
    secure: mode === 'implicit',
    ignoreTLS: mode === 'none',
    requireTLS: mode === 'required',
    opportunisticTLS: mode === 'opportunistic',
    tls: tlsOptions(target),
    connectionTimeout: timeouts.greeting,
    greetingTimeout: timeouts.greeting,
    socketTimeout: timeouts.command,
    maxResponseSize: 65_536,
    logger: false,
  }
}

/** Greeting, EHLO (or HELO, or LHLO) and TLS. */
function greet(connection: ClientConnection, { signal }: ConnectOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: Error) => {
      signal.removeEventListener('abort', abort)
      connection.removeAllListeners('error')
      connection.on('error', () => {}) // an error of a connection that has ended is nobody's
      if (error === undefined) resolve()
      else reject(toConnectError(error, connection.upgrading))
    }
    const abort = () => end(tooLate())
    connection.once('error', end)
    signal.addEventListener('abort', abort, { once: true })
    connection.connect(end)
  })
}

async function authenticate(connection: ClientConnection, auth: Credentials, { signal }: ConnectOptions): Promise<void> {
  const offered = connection.offeredMechanisms
  const mechanism = auth.mechanism ?? (['PLAIN', 'LOGIN', 'CRAM-MD5'] as const).find((name) => offered.has(name))
  // RFC 4954 §4: a failure to authenticate is ours to repair, not the sender's: never a bounce.
  if (!connection.secure && !auth.withoutTls) throw new ConnectError('auth', localReply(454, '4.7.0', 'Not authenticating without TLS'))
  if (mechanism === undefined || !offered.has(mechanism))
    throw new ConnectError('auth', localReply(454, '4.7.0', 'The server offers no mechanism to authenticate with'))
  await new Promise<void>((resolve, reject) => {
    const end = (error?: Error | null) => {
      connection.removeListener('error', end)
      signal.removeEventListener('abort', abort)
      if (error) reject(toConnectError(Object.assign(error, { command: 'AUTH' })))
      else resolve()
    }
    const abort = () => end(tooLate())
    connection.once('error', end)
    signal.addEventListener('abort', abort, { once: true })
    connection.login({ user: auth.username, pass: auth.password, method: mechanism }, end)
  })
}

function tooLate(): Error {
  return Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })
}

const STAGES: readonly (readonly [prefix: string, stage: ConnectStage])[] = [
  ['STARTTLS', 'tls'],
  ['AUTH', 'auth'],
  ['EHLO', 'hello'],
  ['HELO', 'hello'],
  ['LHLO', 'hello'],
]

/** What nodemailer reports. */
interface ClientError extends Error {
  readonly code?: string
  readonly response?: string
  readonly command?: string
  /** The code of Node or OpenSSL. */
  readonly originalCode?: string
}

function toConnectError(error: ClientError, isUpgrading = false): ConnectError {
  const { command = '', code, originalCode } = error
  const stage = code === 'ETLS' || isUpgrading ? 'tls' : (STAGES.find(([prefix]) => command.startsWith(prefix))?.[1] ?? 'greeting')
  const said = error.response === undefined ? undefined : parseReply(error.response)
  // Neither is the sender's fault: try again later, RFC 4954 §4.7, RFC 8461 §5.
  if (said !== undefined && stage === 'auth') return new ConnectError(stage, localReply(454, '4.7.8', said.text), error)
  if (said !== undefined && stage === 'tls') return new ConnectError(stage, localReply(454, '4.7.4', `TLS refused: ${said.text}`), error)
  if (said !== undefined && said.code >= 400) return new ConnectError(stage, said, error)
  if (stage === 'tls')
    return new ConnectError(
      stage,
      localReply(454, '4.7.5', `TLS could not be established${originalCode === undefined ? '' : ` (${originalCode})`}`),
      error,
    )
  if (code === 'ETIMEDOUT') return new ConnectError(stage, localReply(451, '4.4.2', `The server did not answer in time (${stage})`), error)
  if (said !== undefined) return new ConnectError(stage, localReply(451, '4.5.0', `Unexpected reply ${said.code} (${stage})`), error)
  return new ConnectError(stage, localReply(451, '4.4.2', `Connection lost (${stage})`), error)
}

function parseReply(response: string): Reply | undefined {
  let found: Reply | undefined
  const text = `${response.replaceAll(/\r?\n/g, '\r\n')}\r\n`
  new ReplyParser().read(Buffer.from(text, 'utf8'), (reply) => {
    found = reply
    return false
  })
  return found
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'Connection refused'],
  ['ETIMEDOUT', 'Connection timed out'],
  ['EHOSTUNREACH', 'No route to host'],
  ['ENETUNREACH', 'Network is unreachable'],
  ['ENOTFOUND', 'Host not found'],
  ['ENOENT', 'No such socket'],
  ['ECONNRESET', 'Connection reset'],
])

function connectReply(error: Error & { readonly code?: string }): Reply {
  // With several addresses Node reports an AggregateError whose code is the first one's.
  return localReply(451, '4.4.1', REASONS.get(error.code ?? '') ?? 'Cannot connect')
}
