/** Lists of addresses and networks whose word is taken: proxies, filters. */
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
  const networks = entries.filter((entry) => entry !== 'unix').map(parseNetwork)
  return (address) => {
    if (address === '') return hasUnix
    if (!ipaddr.isValid(address)) return false
    const parsed = ipaddr.process(address)
    return networks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits))
  }
}

function parseNetwork(entry: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry)
  if (!ipaddr.isValid(entry)) throw new TypeError(`not an address or network: "${entry}"`)
  const address = ipaddr.process(entry)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}
