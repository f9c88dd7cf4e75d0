/** Certificates, and what a handshake came to. */
import type { Socket } from 'node:net'
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext, type TLSSocket } from 'node:tls'
import type { TlsInfo } from '@postroad/mail'
import { keyExchangeGroup } from './tls-group.ts'

/** A certificate with its key, as PEM. */
export interface Certificate {
  readonly key: string | Buffer
  /** The chain, the server's own certificate first. */
  readonly cert: string | Buffer
  /** Authorities whose client certificates are trusted, for `EXTERNAL`. */
  readonly ca?: string | Buffer
  readonly passphrase?: string
  /** Names a client may ask for (SNI), lower-case; `*.example.com` stands for one label. Absent: for all others. */
  readonly servernames?: readonly string[]
}

/** The certificates as a list. */
export function certificatesOf({
  certificate = [],
}: {
  readonly certificate?: Certificate | readonly Certificate[]
}): readonly Certificate[] {
  return isList(certificate) ? certificate : [certificate]
}

function isList(value: Certificate | readonly Certificate[]): value is readonly Certificate[] {
  return Array.isArray(value)
}

/**
 * What every listener asks of TLS. RFC 8996: 1.0 and 1.1 MUST NOT be used; RFC 9325 §4.1: of 1.2 only what has forward secrecy, or who gets the key
 * one day reads all that was recorded before.
 */
export const SERVER_TLS = {
  minVersion: 'TLSv1.2',
  honorCipherOrder: true,
  ciphers: `${DEFAULT_CIPHERS}:!kRSA:!kPSK`,
} as const

/**
 * Contexts by server name, `*` being the default; empty without certificates.
 *
 * @throws when a key and a certificate do not fit, or cannot be parsed
 */
export function secureContexts(certificates: readonly Certificate[]): Map<string, SecureContext> {
  const contexts = new Map<string, SecureContext>()
  for (const { servernames, ...pem } of certificates) {
    const context = createSecureContext({ ...pem, ...SERVER_TLS })
    for (const name of servernames ?? []) contexts.set(name.toLowerCase(), context)
    if (!contexts.has('*') || servernames === undefined) contexts.set('*', context)
  }
  return contexts
}

/** The context for the name a client asked for: exact, then with a wildcard for the first label, then the default. */
export function contextFor(
  contexts: ReadonlyMap<string, SecureContext>,
  servername: string,
): SecureContext | undefined {
  const name = servername.toLowerCase()
  return contexts.get(name) ?? contexts.get(`*${name.slice(name.indexOf('.') >>> 0)}`) ?? contexts.get('*')
}

/**
 * Closes a socket whose client ends its side before the handshake is done: it cannot come to anything, and where half-open sockets are allowed
 * nobody else would close it. The end is seen on the socket below when it came with what was read before TLS.
 */
export function giveUpAtEnd(secure: Socket, raw: Socket): void {
  const giveUp = (): void => {
    secure.destroy()
    raw.destroy()
  }
  raw.once('end', giveUp)
  secure.once('end', giveUp)
  secure.once('secure', () => {
    raw.off('end', giveUp)
    secure.off('end', giveUp)
  })
}

/** A handshake that came to nothing: the affair of the client, most often one that looks for something else than mail. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError'
  /** Address of the host that connected. */
  readonly remote: string

  /** The cause's message is OpenSSL's, with places in its source; its reason is what can be read. */
  constructor(cause: Error, remote: string) {
    super(
      'reason' in cause && typeof cause.reason === 'string'
        ? cause.reason
        : cause.message.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 200),
      { cause },
    )
    this.remote = remote
  }
}

/**
 * RFC 9266 §2, `tls-exporter`: the same on both ends of this connection and on no other. Only of TLS 1.3: before it the extended master secret
 * would have to be there, RFC 9266 §4, and Node does not tell.
 */
export function channelBindingOf(socket: TLSSocket): Buffer | undefined {
  return socket.getProtocol() === 'TLSv1.3'
    ? socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
    : undefined
}

/** What TLS negotiated on a socket whose handshake is done. */
export function tlsInfoOf(socket: TLSSocket): TlsInfo {
  const cipher = socket.getCipher()
  const group = keyExchangeGroup(socket.getSession())
  // `servername` is missing in the types: it is false when the client sent none.
  const servername =
    'servername' in socket && typeof socket.servername === 'string' ? socket.servername.toLowerCase() : undefined
  const client = socket.authorized ? clientOf(socket) : undefined
  return {
    version: socket.getProtocol() ?? 'TLS',
    cipher: cipher.standardName ?? cipher.name,
    ...(group && { group }),
    ...(servername && { servername }),
    ...(client && { client }),
  }
}

function clientOf(socket: TLSSocket): { subject: string; fingerprint: string } | undefined {
  const certificate = socket.getPeerX509Certificate()
  return certificate && { subject: certificate.subject, fingerprint: certificate.fingerprint256 }
}
