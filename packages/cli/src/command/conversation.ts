/** An SMTP session as a client that shows what is said, but no credentials. Nodemailer speaks; this listens. */
import net from 'node:net'
import { TLSSocket } from 'node:tls'
import { keyExchangeGroup } from '@postroad/delivery'
import SMTPConnection, { type SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { UsageError } from '../config/usage-error.ts'

/** STARTTLS or nothing, TLS from the first octet, or never. */
export const TLS_MODES = ['starttls', 'implicit', 'none'] as const
export type TlsMode = (typeof TLS_MODES)[number]

/** Where to, and how. */
export interface RemoteServer {
  readonly host: string
  readonly port: number
  /** Default: STARTTLS when it is offered; on port 465 implicit. */
  readonly tls?: TlsMode
  /** Takes any certificate. */
  readonly isInsecure: boolean
  readonly login?: { readonly user: string; readonly pass: string }
}

/** What is to be said. */
export interface ClientScript {
  readonly helo: string
  readonly from: string
  readonly to: readonly string[]
  readonly message: Buffer
  /** How long each reply may take, in milliseconds. */
  readonly timeoutMs: number
  /** Takes the lines of the dialogue: `>` ours, `<` theirs, `*` what is to be known besides. */
  print(line: string): void
  /** Told of each recipient that was refused while others were taken. */
  refused?(address: string, reply: string): void
  /** What MAIL and RCPT say of reports, RFC 3461, where the server knows it. */
  readonly dsn?: { readonly ret?: 'FULL' | 'HDRS'; readonly envid?: string; readonly notify?: readonly string[] }
}

/** What nodemailer says of a message that was taken for one at least. */
interface Sent {
  readonly response: string
  readonly rejected?: readonly string[] | undefined
  readonly rejectedErrors?: readonly Failure[] | undefined
}

/** What nodemailer says of a failure. */
interface Failure extends Error {
  readonly response?: string | undefined
  readonly rejectedErrors?: readonly Failure[] | undefined
}

/**
 * Resolves to the last line of the reply that decided.
 *
 * @throws {UsageError} when there was none: no connection, no TLS that counts, no answer
 */
export async function converse(server: RemoteServer, conversation: ClientScript): Promise<string> {
  const socket = await connect(server, conversation.timeoutMs)
  const connection = new SMTPConnection(optionsOf(server, conversation, socket))
  const failed = new Promise<never>((_, reject) => connection.on('error', reject))
  const ended = new Promise<void>((resolve) => connection.once('end', resolve))
  try {
    return lastLine(await Promise.race([failed, speak(connection, server, conversation)]))
  } catch (error) {
    const failure = error as Failure // nodemailer's, or a UsageError, which is one too
    const reply = failure.rejectedErrors?.at(-1)?.response ?? failure.response
    if (reply !== undefined) return lastLine(reply)
    if (error instanceof UsageError) throw error
    const hint = /certificate|altname/i.test(failure.message) ? '; --insecure takes any certificate' : ''
    throw new UsageError(`${server.host}:${server.port}: ${failure.message}${hint}`, { cause: error })
  } finally {
    // A connection that is gone is told nothing.
    connection.quit()
    await ended
    socket.destroy()
  }
}

async function speak(
  connection: SMTPConnection,
  server: RemoteServer,
  { from, to, message, print, dsn, ...script }: ClientScript,
): Promise<string> {
  await new Promise<void>((resolve) => connection.connect(() => resolve()))
  if (connection.secure) {
    const trust = isChecked(server) ? 'the certificate is valid' : 'the certificate was not checked'
    print(`* ${securityOf(connection)}, ${trust}`)
  }
  if (server.login) {
    if (!connection.secure && !isLoopback(server.host))
      throw new UsageError('Without TLS the password would go out in the clear: it was not sent')
    const { login } = server
    await called<unknown>((done) => connection.login(login, done))
  }
  const use8BitMime = message.some((octet) => octet > 127)
  const { notify, ...rest } = dsn ?? {}
  const reports = dsn && { dsn: { ...rest, ...(notify && { notify: [...notify] }) } }
  const envelope = { from, to: [...to], use8BitMime, ...reports }
  const sent = await called<Sent>((done) => connection.send(envelope, message, done))
  const { response, rejected = [], rejectedErrors = [] } = sent
  for (const [at, address] of rejected.entries())
    script.refused?.(address, lastLine(rejectedErrors[at]?.response ?? ''))
  return response
}

/** Version, key-exchange group and cipher suite: `TLSv1.3 X25519MLKEM768 TLS_AES_256_GCM_SHA384`. */
function securityOf(connection: SMTPConnection): string {
  const { _socket: socket } = connection as unknown as { readonly _socket?: unknown } // the types of nodemailer hide it
  if (!(socket instanceof TLSSocket)) return 'TLS'
  return [socket.getProtocol(), keyExchangeGroup(socket), socket.getCipher().standardName].filter(Boolean).join(' ')
}

function optionsOf(
  server: RemoteServer,
  { helo, timeoutMs, print }: ClientScript,
  socket: net.Socket,
): SMTPConnectionOptions {
  const { host, port, tls = port === 465 ? 'implicit' : undefined } = server
  return {
    connection: socket,
    host,
    port,
    name: helo,
    secure: tls === 'implicit',
    ignoreTLS: tls === 'none',
    requireTLS: tls === 'starttls',
    tls: { rejectUnauthorized: isChecked(server) },
    ...(net.isIP(host) === 0 && { servername: host }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    transactionLog: true,
    logger: listener(print),
  }
}

function isChecked({ host, isInsecure }: RemoteServer): boolean {
  return !isInsecure && !isLoopback(host)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/** A logger for nodemailer, which tells it what is said. */
function listener(print: ClientScript['print']) {
  let isSecret = false
  const said = (mark: '>' | '<', text: string): void => {
    for (const line of text.split(/\r?\n/)) print(`${mark} ${line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')}`)
  }
  const log = (entry: { readonly tnx?: string; readonly outByteCount?: number }, text: string): void => {
    if (entry.tnx === 'message') said('>', `(${entry.outByteCount} octets)`)
    if (entry.tnx === 'client') {
      const [auth] = /^AUTH \S+/.exec(text) ?? []
      isSecret ||= auth !== undefined
      said('>', isSecret ? `${auth ?? ''} ***`.trim() : text)
    }
    if (entry.tnx !== 'server') return
    said('<', text)
    isSecret &&= text.startsWith('334')
  }
  const quiet = (): void => {}
  return { level: quiet, trace: quiet, debug: log, info: log, warn: quiet, error: quiet, fatal: quiet }
}

function connect({ host, port }: RemoteServer, timeoutMs: number): Promise<net.Socket> {
  const socket = net.connect({ host, port, noDelay: true })
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      socket.destroy()
      reject(new UsageError(`${host}:${port} cannot be reached: ${cause.message}`, { cause }))
    }
    const timer = setTimeout(() => fail(new Error('timed out')), timeoutMs)
    socket.once('error', fail).once('connect', () => {
      clearTimeout(timer)
      socket.removeListener('error', fail)
      resolve(socket)
    })
    socket.once('close', () => clearTimeout(timer))
  })
}

function called<T>(run: (done: (error?: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value as T)))) // without an error there is one
}

function lastLine(reply: string): string {
  return reply.trimEnd().split(/\r?\n/).at(-1) ?? ''
}
