/** TLS as a policy wants it, and whether the server is the one that it should be. */
import { isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, type TLSSocket } from 'node:tls'
import type { Target } from './target.ts'

/** The name that goes into SNI, RFC 6066 §3: never an address; undefined: none. */
export function sniOf({ host, path, tls }: Target): string | undefined {
  return tls.servername ?? tls.options?.servername ?? (isIP(host) === 0 && path === undefined ? host : undefined)
}

/** Options for `tls.connect`: the policy's, without those that would undo what the policy says. */
export function tlsOptions(target: Target): ConnectionOptions {
  const { mode, verify = false, options = {} } = target.tls
  // A resumed session has no certificate, and Node asks nobody about it; the others name another way to the server than ours.
  const { session: _session, socket: _socket, host: _host, port: _port, path: _path, ...own } = options
  const servername = sniOf(target)
  return {
    ...own,
    ...(servername !== undefined && { servername }),
    rejectUnauthorized: verify && mode !== 'opportunistic',
    // Node asks only where the chain is trusted; `identityError` asks always, and once.
    checkServerIdentity: () => undefined,
  }
}

/** Why the server is not the one that the policy means, RFC 6125 §6; undefined when it is, or when any will do. */
export function identityError(target: Target, socket: TLSSocket): Error | undefined {
  const { mode, verify = false, options } = target.tls
  const isBinding = mode !== 'opportunistic'
  const check = options?.checkServerIdentity ?? (verify && isBinding ? checkServerIdentity : undefined)
  if (check === undefined) return undefined
  const error = ask(check, sniOf(target) ?? target.host, socket)
  return isBinding ? error : undefined
}

/** The check is foreign code: it may throw, and may answer with what is no error. Only an answer of nothing lets a server pass. */
function ask(check: typeof checkServerIdentity, name: string, socket: TLSSocket): Error | undefined {
  try {
    const answer: unknown = check(name, socket.getPeerCertificate(true))
    return answer === undefined ? undefined : refused(answer)
  } catch (thrown) {
    return refused(thrown)
  }
}

/** An error that can be read, of whatever that was: what looks at it later must not throw. */
function refused(cause: unknown): Error {
  let message = 'the check of the certificate failed'
  let code: string | undefined
  try {
    if (cause instanceof Error) {
      if (typeof cause.message === 'string') message = cause.message
      if ('code' in cause && typeof cause.code === 'string') code = cause.code
    }
  } catch {
    // A proxy, or a getter that throws: nothing more can be said of it.
  }
  return Object.assign(new Error(message, { cause }), code !== undefined && { code })
}
