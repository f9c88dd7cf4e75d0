/** The address of a server that cannot be named, because names are what it is asked for: a resolver. */
import { isIP, isIPv6 } from 'node:net'

/** A recursive resolver. */
interface DnsServer {
  readonly address: string
  readonly port: number
}

/**
 * `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`.
 *
 * @throws {TypeError} when it is not an address with an optional port: a resolver's name cannot be resolved
 */
export function parseServer(text: string): DnsServer {
  const match = /^\[([^\]]+)\](?::(\d+))?$/.exec(text) ?? (isIPv6(text) ? null : /^([^:]+):(\d+)$/.exec(text))
  const address = match?.[1] ?? text
  const port = match?.[2] === undefined ? 53 : Number(match[2])
  if (isIP(address.split('%')[0] ?? '') === 0 || port < 1 || port > 65_535)
    throw new TypeError(`dns: not the address of a server: "${text}"`)
  return { address, port }
}

/** Whether it is an address that {@link parseServer} takes. */
export function isServer(text: string): boolean {
  try {
    parseServer(text)
    return true
  } catch {
    return false // that is all it says
  }
}
