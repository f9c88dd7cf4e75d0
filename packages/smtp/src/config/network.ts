/** Lists of addresses and networks whose word is taken: proxies, filters. */
import { networks } from '@postroad/options'
import ipaddr from 'ipaddr.js'

/** Says whether an address is in a list. */
export type NetworkList = (address: string) => boolean

const NOBODY: NetworkList = () => false

/**
 * Reads addresses and networks in CIDR notation; `unix` stands for clients of a UNIX socket, who have no address.
 *
 * @throws {TypeError} when one of them is neither
 */
export function networkList(entries: readonly string[] = []): NetworkList {
  if (entries.length === 0) return NOBODY
  const hasUnix = entries.includes('unix')
  const isIn = networks(entries.filter((entry) => entry !== 'unix').map(inFull))
  return (address) => (address === '' ? hasUnix : isIn(address))
}

/** Listeners have always taken the short forms of inet_aton(3) too: `10/8`, `127.1`. Elsewhere they are mistakes. */
function inFull(entry: string): string {
  const [address = '', ...length] = entry.split('/')
  return [ipaddr.IPv4.isValid(address) ? ipaddr.IPv4.parse(address).toString() : address, ...length].join('/')
}
