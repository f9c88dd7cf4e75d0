/** Why there is no connection: how far it came, and what the server said, word by word. */

import type { Reply, TlsFailure } from '@postroad/mail'
import type { ClientConnection, ConnectStep } from './connection.ts'
import { escapeText, localReply, parseReply } from './reply.ts'

/** How far a connection came; `tls` is everything from STARTTLS until EHLO was answered under TLS. */
export type ConnectStage = 'connect' | 'greeting' | 'hello' | 'tls' | 'auth'

/** Why there is no connection; an operational failure that a transport turns into outcomes. */
export class ConnectError extends Error {
  readonly stage: ConnectStage
  /** What the server said, or our own words. A 5yz at the greeting is about the host, not about recipients. */
  readonly reply: Reply
  /** The code of the operating system's error, when it was one: `ECONNREFUSED`. */
  readonly code: string | undefined
  /** What it was of TLS, for reports; with the stage `tls`. */
  readonly failure: TlsFailure | undefined

  constructor(stage: ConnectStage, reply: Reply, cause?: unknown, failure?: TlsFailure) {
    super(reply.text, { cause })
    this.name = 'ConnectError'
    this.stage = stage
    this.reply = reply
    this.code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
    this.failure = failure ?? (stage === 'tls' ? 'validation-failure' : undefined)
  }
}

/** What nodemailer reports. */
export interface ClientError extends Error {
  readonly code?: string
  readonly response?: string
  /** The code of Node or OpenSSL. */
  readonly originalCode?: string
}

const STAGES: Readonly<Record<ConnectStep, ConnectStage>> = {
  greeting: 'greeting',
  EHLO: 'hello',
  STARTTLS: 'tls',
  'TLS handshake': 'tls',
  'EHLO under TLS': 'tls',
  AUTH: 'auth',
}

/** The error of a connection that did not come to be. */
export function toConnectError(
  error: ClientError,
  { step, heard }: Pick<ClientConnection, 'step' | 'heard'>,
): ConnectError {
  const stage = STAGES[step]
  const said = error.response === undefined ? undefined : parseReply(error.response)
  // Neither is the sender's fault: try again later, RFC 4954 §6, RFC 8461 §5.
  if (said !== undefined && stage === 'auth') return new ConnectError(stage, localReply(454, '4.7.8', said.text), error)
  if (said !== undefined && step === 'STARTTLS')
    return new ConnectError(
      stage,
      localReply(454, '4.7.4', `TLS refused: ${said.text}`),
      error,
      'starttls-not-supported',
    )
  // It speaks, so it is no broken TLS.
  if (said !== undefined && said.code >= 400) return new ConnectError(stage === 'tls' ? 'hello' : stage, said, error)
  const words = ownWords(error, step, heard.trim() || (error.response ?? ''))
  return new ConnectError(stage, words, error, step === 'STARTTLS' ? 'starttls-not-supported' : undefined)
}

/** What happened, and whatever the server said: it is for the operator, who knows an SSH banner when he sees one. */
function ownWords({ code, originalCode }: ClientError, step: ConnectStep, said: string): Reply {
  const words = said === '' ? '' : `, it said: ${escapeText(said)}`
  if (code === 'ETIMEDOUT')
    return localReply(
      STAGES[step] === 'tls' ? 454 : 451,
      STAGES[step] === 'tls' ? '4.7.5' : '4.4.2',
      `The server did not answer in time (${step})${words}`,
    )
  if (step === 'TLS handshake')
    return localReply(
      454,
      '4.7.5',
      `TLS could not be established${originalCode === undefined ? '' : ` (${originalCode})`}`,
    )
  if (code === 'EPROTOCOL') return localReply(451, '4.5.0', `The server does not speak the protocol (${step})${words}`)
  return localReply(
    451,
    '4.4.2',
    `${words === '' ? 'Connection lost without a word' : 'Connection lost'} (${step})${words}`,
  )
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

/** What the operating system says of connecting, in our words. */
export function connectReply(error: Error & { readonly code?: string }): Reply {
  // With several addresses Node reports an AggregateError whose code is the first one's.
  return localReply(451, '4.4.1', REASONS.get(error.code ?? '') ?? 'Cannot connect')
}
