/** What Postfix asks, SMTPD_POLICY_README: one client, one envelope, at one state of the protocol. */
import { PolicyProtocolError } from './attributes.ts'

/** Where the client is; states that a later Postfix has are passed on as they are. */
export type PolicyState =
  | 'CONNECT'
  | 'HELO'
  | 'EHLO'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'BDAT'
  | 'END-OF-MESSAGE'
  | 'VRFY'
  | 'ETRN'

/** A question. What is absent, empty or 0 on the wire is not known, and undefined here. */
export interface PolicyRequest {
  readonly state: PolicyState | (string & {})
  /** The same for all questions about one message. */
  readonly instance: string
  readonly clientAddress: string | undefined
  readonly clientPort: number
  readonly serverAddress: string | undefined
  readonly serverPort: number
  /** Empty when the client has not said it. */
  readonly helo: string
  /** EHLO rather than HELO. */
  readonly isExtended: boolean
  /** Empty for the null reverse-path, and before MAIL. Without angle brackets and quotes. */
  readonly sender: string
  /** At RCPT; later only where there is but one. */
  readonly recipient: string | undefined
  /** Of those who were accepted, from DATA on. */
  readonly recipientCount: number
  /** Octets: announced at MAIL, real at the end of the message. */
  readonly size: number | undefined
  /** Who the client proved to be. */
  readonly login: string | undefined
  readonly tls: { readonly version: string; readonly cipher: string; readonly servername?: string } | undefined
  readonly queueId: string | undefined
  readonly stress: boolean
}

/** @throws {PolicyProtocolError} when it is a question of another kind, or has no `instance` or `protocol_state` */
export function readRequest(attributes: ReadonlyMap<string, string>): PolicyRequest {
  const text = (name: string): string | undefined => attributes.get(name) || undefined
  const kind = attributes.get('request')
  if (kind !== 'smtpd_access_policy')
    throw new PolicyProtocolError(
      kind === undefined
        ? 'a question without "request=smtpd_access_policy"'
        : `a question of kind ${JSON.stringify(kind.slice(0, 40))}, and not smtpd_access_policy`,
    )
  const state = text('protocol_state')
  if (state === undefined) throw new PolicyProtocolError('a question without protocol_state')
  const version = text('encryption_protocol')
  const servername = text('tls_sni')
  return {
    state,
    instance: attributes.get('instance') ?? '',
    clientAddress: text('client_address'),
    clientPort: numberOf(text('client_port')) ?? 0,
    serverAddress: text('server_address'),
    serverPort: numberOf(text('server_port')) ?? 0,
    helo: attributes.get('helo_name') ?? '',
    isExtended: text('protocol_name') !== 'SMTP',
    sender: attributes.get('sender') ?? '',
    recipient: text('recipient'),
    recipientCount: numberOf(text('recipient_count')) ?? 0,
    size: numberOf(text('size')) || undefined,
    login: text('sasl_username'),
    tls:
      version === undefined
        ? undefined
        : { version, cipher: text('encryption_cipher') ?? '', ...(servername !== undefined && { servername }) },
    queueId: text('queue_id'),
    stress: text('stress') !== undefined,
  }
}

/**
 * A block of attributes as it goes over the wire. What has no place in a value (LF, NUL) becomes `?`.
 *
 * @param attributes those without a value are left out, which says that they are not known
 */
export function formatBlock(attributes: Readonly<Record<string, string | number | undefined>>): string {
  let block = ''
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) block += `${name}=${String(value).replace(/[\0\n]/g, '?')}\n`
  return `${block}\n`
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
