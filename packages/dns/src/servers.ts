/** Which resolvers to ask. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { parseServer } from '@postroad/options'

/** A recursive resolver. */
export type DnsServer = ReturnType<typeof parseServer>

/** What resolv.conf(5) says. */
export interface ResolvConf {
  readonly servers: readonly DnsServer[]
  /** `options trust-ad`: the way to these servers is safe, so their AD bit counts. */
  readonly trustAd: boolean
}

/** Reads the text of a resolv.conf(5); unknown lines are skipped. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: DnsServer[] = []
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
export function isLoopback(server: DnsServer): boolean {
  return server.address.startsWith('127.') || server.address === '::1'
}
