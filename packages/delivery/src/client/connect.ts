/** Opens a connection to a server, up to where the first MAIL may be sent. */
import { connect as connectSocket, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { MinimumGroup, TlsOutcome, TlsPolicy } from '@postroad/mail'
import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { deadline } from '../deadline.ts'
import { ConnectError, connectReply, toConnectError } from './connect-error.ts'
import { ClientConnection, type ConnectStep } from './connection.ts'
import { authenticate as authenticateServer, tlsOptions } from './identity.ts'
import { openOpportunistic } from './opportunistic.ts'
import { localReply } from './reply.ts'
import type { Credentials, Target } from './target.ts'
import type { Timeouts } from './timeouts.ts'
import type { TlsMemory } from './tls-memory.ts'
import { sessions, type TlsSession } from './tls-session.ts'

/** How to present ourselves, and how long to wait. */
export interface ConnectOptions {
  /** Name for EHLO, RFC 5321 §4.1.1.1. */
  readonly hostname: string
  readonly timeouts: Timeouts
  readonly signal: AbortSignal
  /** What is known of hosts whose TLS does not work, where it is only an opportunity. */
  readonly memory?: TlsMemory | undefined
  onDowngrade?: ((target: Target) => void) | undefined
}

/**
 * Connects, greets, negotiates TLS and authenticates.
 *
 * @throws {ConnectError} when any of it fails; nothing is left open then
 */
export async function openConnection(target: Target, options: ConnectOptions): Promise<ClientConnection> {
  const open = (changed: Target): Promise<ClientConnection> => openTold(changed, options)
  if (target.tls.mode !== 'opportunistic') return await open(target)
  const { memory, signal, onDowngrade } = options
  return await openOpportunistic(target, { memory, signal, open, onDowngrade })
}

async function openTold(target: Target, options: ConnectOptions): Promise<ClientConnection> {
  if (!sessions.hasSubscribers) return await openOnce(target, options)
  const ends: { local?: string | undefined } = {}
  try {
    const connection = await openOnce(target, options, ends)
    sessions.publish({ target, tls: connection.tls, ...ends } satisfies TlsSession)
    return connection
  } catch (error) {
    if (error instanceof ConnectError) sessions.publish({ target, error, ...ends } satisfies TlsSession)
    throw error
  }
}

/** `ends`: hears of our own address. */
async function openOnce(
  target: Target,
  given: ConnectOptions,
  ends?: { local?: string | undefined },
): Promise<ClientConnection> {
  using limit = deadline(given.signal, given.timeouts.setup)
  const options = { ...given, signal: limit.signal }
  const socket = await openSocket(target, options)
  if (ends) ends.local = socket.localAddress
  const connection = new ClientConnection(connectionOptions(target, options, socket))
  connection.onSecured = (secured) => verify(secured, target)
  try {
    const { mode, minimumGroup } = target.tls
    await greet(connection, { ...options, mode, ...(minimumGroup && { minimumGroup }) })
    // 421 as the answer to STARTTLS: nodemailer goes on in the clear, and only then hears the goodbye.
    if (connection.isLeaving) throw toConnectError(new Error('the server closed the connection'), connection)
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

/** What TLS came to. @throws {ConnectError} when the policy does not let the server have mail */
function verify(secured: TLSSocket, target: Target): TlsOutcome {
  const { outcome, refusal } = authenticateServer(target, secured)
  if (refusal) throw new ConnectError('tls', localReply(454, '4.7.5', refusal.text), refusal.cause, refusal.failure)
  return outcome
}

/** TCP or a UNIX socket, with a time limit of its own. */
function openSocket(target: Target, { timeouts, signal }: ConnectOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { localAddress } = target
    const socket =
      target.path !== undefined
        ? connectSocket({ path: target.path })
        : connectSocket({
            host: target.address ?? target.host,
            port: target.port,
            noDelay: true,
            ...(localAddress && { localAddress }),
          })
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

function connectionOptions(
  target: Target,
  { hostname, timeouts }: ConnectOptions,
  socket: Socket,
): SMTPConnectionOptions {
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
function greet(
  connection: ClientConnection,
  options: ConnectOptions & Pick<TlsPolicy, 'mode' | 'minimumGroup'>,
): Promise<void> {
  const { signal, timeouts, mode } = options
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const end = (error?: Error) => {
      clearTimeout(timer)
      connection.onStep = undefined
      signal.removeEventListener('abort', abort)
      connection.removeAllListeners('error')
      connection.on('error', () => {}) // an error of a connection that has ended tells nothing new
      if (error === undefined) resolve()
      else
        reject(error instanceof ConnectError ? error : named(toConnectError(error, connection), options.minimumGroup))
    }
    const abort = () => end(tooLate())
    connection.onStep = (step) => {
      // TLS adds its steps to those that RFC 5321 has times for; where the mail may do without it, it must not be late for it.
      const isTimed = TLS_STEPS.has(step) && (step !== 'EHLO under TLS' || mode === 'opportunistic')
      if (isTimed) timer ??= setTimeout(abort, timeouts.connect)
      else clearTimeout(timer)
    }
    connection.once('error', end)
    signal.addEventListener('abort', abort, { once: true })
    connection.connect(end)
  })
}

/** OpenSSL says only that the handshake failed: most likely it is for what was not offered. */
function named(error: ConnectError, minimumGroup: MinimumGroup | undefined): ConnectError {
  if (minimumGroup === undefined || error.stage !== 'tls' || error.failure !== 'validation-failure') return error
  const { code, status = '4.7.5', text } = error.reply
  return new ConnectError(
    'tls',
    localReply(code, status, `${text}: at least ${minimumGroup} is required`),
    error.cause,
    error.failure,
  )
}

const TLS_STEPS: ReadonlySet<ConnectStep> = new Set(['STARTTLS', 'TLS handshake', 'EHLO under TLS'])

async function authenticate(
  connection: ClientConnection,
  auth: Credentials,
  { signal }: ConnectOptions,
): Promise<void> {
  const offered = connection.offeredMechanisms
  const mechanism = auth.mechanism ?? (['PLAIN', 'LOGIN', 'CRAM-MD5'] as const).find((name) => offered.has(name))
  // RFC 4954 §4: a failure to authenticate is ours to repair, not the sender's: never a bounce.
  if (!connection.secure && !auth.withoutTls)
    throw new ConnectError('auth', localReply(454, '4.7.0', 'Not authenticating without TLS'))
  if (mechanism === undefined || !offered.has(mechanism))
    throw new ConnectError('auth', localReply(454, '4.7.0', 'The server offers no mechanism to authenticate with'))
  await new Promise<void>((resolve, reject) => {
    const end = (error?: Error | null) => {
      connection.removeListener('error', end)
      signal.removeEventListener('abort', abort)
      if (error) reject(toConnectError(error, connection))
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
