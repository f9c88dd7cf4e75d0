/** What an operator may say of a listener of kind `http`. */

import {
  type Certificate,
  certificatesOf,
  LOOPBACK,
  type PlaceOptions,
  placeMistakes,
  secureContexts,
} from '@postroad/listener'
import type { HttpRole, HttpRoute } from '@postroad/plugin'

/** A secret that a caller shows, as `Authorization: Bearer …`; only its hash is kept. */
export interface HttpToken {
  /** Names the caller in logs. */
  readonly name: string
  /** SHA-256 of the secret, hexadecimal. */
  readonly sha256: string
  /** What its caller may. */
  readonly roles: readonly HttpRole[]
  /** After which it is worth nothing, ISO 8601. Default: never. */
  readonly expires?: string
}

/** One place where programs and browsers may ask. */
export interface HttpListenerOptions extends PlaceOptions {
  readonly name: string
  /** The server's own name. */
  readonly hostname: string
  /** Default `127.0.0.1`: this machine only. */
  readonly host?: string
  /**
   * `implicit`: TLS, which is the default where there is a certificate. `none`: none. Where the listener can be reached from other machines `none`
   * must be said, and is for a proxy in front that does TLS.
   */
  readonly tls?: 'implicit' | 'none'
  readonly certificate?: Certificate | readonly Certificate[]
  /**
   * `public`: only routes that everybody may use are served, and no token is ever asked for. `links`: only those of links in mail, which no other
   * listener serves. `all` (default): every other route of the scope.
   */
  readonly routes?: 'all' | 'public' | 'links'
  /** Secrets that callers show, each by its hash; `postroad token new` keeps them in a file instead. */
  readonly tokens?: readonly HttpToken[]
  /**
   * What a caller without a token may. Default: on a UNIX socket `admin`, because its permissions say who may open it; elsewhere `none`. Only a
   * listener of this machine may say otherwise.
   */
  readonly anonymous?: 'none' | HttpRole
  /**
   * Names that may stand in `Host`, without port; others are answered 421, which keeps foreign pages out (DNS rebinding). Default: `hostname`, and
   * the names of this machine on a loopback address. Not looked at on a UNIX socket.
   */
  readonly hosts?: readonly string[]
  /** Bounds of everything. */
  readonly limits?: Partial<HttpLimits>
  /** Told of what was thrown where nobody else can know. */
  readonly onError?: (error: unknown) => void
}

/** What one caller, and all together, may take. Times are milliseconds. */
export interface HttpLimits {
  /** Open connections of the listener. */
  readonly connections: number
  /** Open connections from one address, the IPv6 /64 counting as one. */
  readonly connectionsPerAddress: number
  /** For the request line and the header section. */
  readonly headerTimeoutMs: number
  /** For the whole request, its body included. */
  readonly requestTimeoutMs: number
  /** Between two requests. */
  readonly idleTimeoutMs: number
  /** Wrong tokens from one address in a minute, after which it waits. */
  readonly wrongTokens: number
}

/** Limits that nobody has written down. */
export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  connections: 1_000,
  connectionsPerAddress: 100,
  headerTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  idleTimeoutMs: 5_000,
  wrongTokens: 10,
}

/** Whether only programs of this machine can reach it. */
export function isLocal({ path, host = LOOPBACK }: Pick<HttpListenerOptions, 'path' | 'host'>): boolean {
  return path !== undefined || isLoopback(host)
}

/** Names and addresses that are this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/** Whether a listener serves routes that are for such callers. */
export function isServed(access: HttpRoute['access'], routes: HttpListenerOptions['routes'] = 'all'): boolean {
  if (routes === 'links' || access === 'link') return routes === 'links' && access === 'link'
  return routes === 'all' || access === 'public'
}

/** Sentences that begin with the option, none when all is well. Types are for the schema to judge. */
export function httpMistakes(options: HttpListenerOptions): readonly string[] {
  const { tls, certificate, routes = 'all', tokens = [], anonymous } = options
  const mistakes: string[] = []
  const hasCertificate = certificate !== undefined && !(Array.isArray(certificate) && certificate.length === 0)
  if (tls === 'implicit' && !hasCertificate) mistakes.push('tls: "implicit" needs a certificate')
  if (certificate) mistakes.push(...certificateMistakes(certificate))
  if (!isLocal(options)) {
    if (tls === undefined && !hasCertificate)
      mistakes.push(
        'tls: other machines can reach this listener: give it a certificate, or say tls: "none" when a proxy in front does TLS',
      )
    if (routes === 'all' && tokens.length === 0)
      mistakes.push(
        'tokens: other machines can reach this listener, and there is none: `postroad token new` makes one, or say routes: "public" to serve only what everybody may see',
      )
    if (anonymous !== undefined && anonymous !== 'none')
      mistakes.push(`anonymous: "${anonymous}" is for listeners of this machine (a UNIX socket or a loopback address)`)
  }
  mistakes.push(...placeMistakes(options))
  if (routes !== 'all' && tokens.length > 0)
    mistakes.push(`tokens: a listener with routes: "${routes}" asks nobody for one`)
  return [...mistakes, ...tokenMistakes(tokens)]
}

function certificateMistakes(certificate: Certificate | readonly Certificate[]): readonly string[] {
  try {
    secureContexts(certificatesOf({ certificate }))
    return []
  } catch (error) {
    return [
      `certificate: key and certificate cannot be read, or do not fit: ${error instanceof Error ? error.message : error}`,
    ]
  }
}

/** What is wrong with tokens, in sentences that begin with the place. */
export function tokenMistakes(tokens: readonly HttpToken[]): readonly string[] {
  const mistakes: string[] = []
  const seen = new Set<string>()
  for (const [index, { name, sha256, expires }] of tokens.entries()) {
    if (!/^[0-9a-f]{64}$/.test(sha256))
      mistakes.push(`tokens[${index}].sha256: 64 hexadecimal digits; \`postroad token new\` makes a token`)
    if (expires !== undefined && Number.isNaN(Date.parse(expires)))
      mistakes.push(`tokens[${index}].expires: not a date: ${JSON.stringify(expires)}`)
    if (seen.has(name)) mistakes.push(`tokens[${index}].name: "${name}" is there twice`)
    seen.add(name)
  }
  return mistakes
}
