/** Where a daemon listens, as an operator writes it. */
import { isIPv6 } from 'node:net'

/** One daemon: an address and port, or a UNIX socket. Fits `connect` of `node:net`. */
export interface Daemon {
  /** As the operator has written it, for logs and facts. */
  readonly name: string
  readonly host?: string
  readonly port?: number
  /** Of a UNIX socket. */
  readonly path?: string
  /** It was written with `https://`. */
  readonly tls: boolean
}

/**
 * `127.0.0.1:3310`, `[::1]:3310`, `scan.example.com`, `/run/clamav/clamd.ctl`, and with a scheme `unix:/run/x.sock`, `tcp://host:3310`,
 * `http://host:11333`, `https://host`.
 *
 * @param port where none is written
 * @throws {TypeError} when it is none of these
 */
export function parseDaemon(text: string, port: number): Daemon {
  const [, scheme = '', rest = text] = /^(unix:(?:\/\/)?(?=\/)|(?:tcp|https?):\/\/)(.*)$/.exec(text) ?? []
  if (scheme.startsWith('unix') || (scheme === '' && rest.startsWith('/')))
    return { name: text, path: rest, tls: false }
  const place = scheme === '' ? rest : rest.replace(/\/$/, '')
  const match =
    /^\[([^\]]+)\](?::(\d+))?$/.exec(place) ??
    (isIPv6(place) ? [place, place] : /^([^:/?#@\s]+)(?::(\d+))?$/.exec(place))
  const [, host = '', digits] = match ?? []
  const found = digits === undefined ? port : Number(digits)
  if (host === '' || found < 1 || found > 65_535 || (place.startsWith('[') && !isIPv6(host)))
    throw new TypeError(
      `"${text}" is not where a daemon listens: "host:${port}", "[::1]:${port}" or the path of a socket`,
    )
  return { name: text, host, port: found, tls: scheme === 'https://' }
}
