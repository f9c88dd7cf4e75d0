/** Which resolvers to ask. */
import { readFileSync } from 'node:fs'
import { isIP, isIPv6 } from 'node:net'

/** A recursive resolver. */
export interface Server {
  readonly address: string
  readonly port: number
}

/** What resolv.conf(5) says. */
export interface ResolvConf {
  readonly servers: readonly Server[]
  /** `options trust-ad`: the way to these servers is safe, so their AD bit counts. */
  readonly trustAd: boolean
}

/**
 * `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`.
 *
 * @throws {TypeError} when it is not an address with an optional port: a resolver's name cannot be resolved
 */
export function parseServer(text: string): Server {
  const match = /^\[([^\]]+)\](?::(\d+))?$/.exec(text) ?? (isIPv6(text) ? null : /^([^:]+):(\d+)$/.exec(text))
  const address = match?.[1] ?? text
  const port = match?.[2] === undefined ? 53 : Number(match[2])
  if (isIP(address.split('%')[0] ?? '') === 0 || port < 1 || port > 65_535)
    throw new TypeError(`dns: not the address of a server: "${text}"`)
  return { address, port }
}

/** Reads the text of a resolv.conf(5); unknown lines are skipped. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: Server[] = []
  let trustAd = false
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/[ \t]+/)
    if (keyword === 'options') trustAd ||= values.includes('trust-ad')
    if (keyword !== 'nameserver' || values[0] === undefined || isIP(values[0].split('%')[0] ?? '') === 0) continue
    servers.push({ address: values[0], port: 53 })
  }
  return { servers, trustAd }
}

/** The machine's own resolvers; the local one where nothing is configured, as resolv.conf(5) has it. */
export function systemServers(path = '/etc/resolv.conf'): ResolvConf {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    // No file is a valid configuration: the resolver on this machine.
  }
  const conf = parseResolvConf(text)
  return conf.servers.length > 0 ? conf : { ...conf, servers: [{ address: '127.0.0.1', port: 53 }] }
}

/** True for a resolver on this machine: its AD bit cannot be forged on the way. */
export function isLoopback(server: Server): boolean {
  return server.address.startsWith('127.') || server.address === '::1'
}
