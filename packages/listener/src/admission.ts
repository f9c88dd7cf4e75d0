/** Who may connect: so many at a time in all, from one address and from one network, and so many in a minute. */
import ipaddr from 'ipaddr.js'
import { UNKNOWN_ADDRESS } from './endpoint.ts'

/** Rates are counted in windows of this length. */
const WINDOW_MS = 60_000
/** Clients remembered in one window; an attacker with more addresses than this is not stopped by rates. */
const REMEMBERED = 100_000

/** How many connections there may be, each at least 1. */
export interface AdmissionLimits {
  /** At a time, in all. */
  readonly connections: number
  /** At a time, of one IPv4 address or IPv6 /64. */
  readonly connectionsPerAddress: number
  /** At a time, of one IPv4 /24 or IPv6 /48. */
  readonly connectionsPerNetwork: number
  /** New ones of one address in a minute; 0: as many as there come. */
  readonly connectionsPerMinute: number
}

/** One of the connections that a listener may have, and whom it is counted for. */
export interface Slot {
  /** The client it is counted for; undefined while only a proxy is known, or for a UNIX socket. */
  address: string | undefined
  isOpen: boolean
}

/** Counts the connections of a listener. */
export class Admission {
  /** Connections that are open. */
  open = 0
  /** The limit that the last connection met that was not let in. */
  met: keyof AdmissionLimits = 'connections'
  limits: AdmissionLimits
  readonly #byAddress = new Map<string, number>()
  readonly #byNetwork = new Map<string, number>()
  readonly #recent = new Map<string, number>()
  #windowStart = 0

  constructor(limits: AdmissionLimits) {
    this.limits = limits
  }

  /** Lets a connection in; undefined when the server is full. */
  enter(): Slot | undefined {
    if (this.open >= this.limits.connections) {
      this.met = 'connections'
      return undefined
    }
    this.open++
    return { address: undefined, isOpen: true }
  }

  /**
   * Counts the connection for its client; false when that has too many connections, or makes too many. Clients without an address, and those
   * nobody names, may be many: they are not counted as one.
   */
  enterClient(slot: Slot, address: string, now: number): boolean {
    if (address === '' || address === UNKNOWN_ADDRESS) return true
    const { connectionsPerAddress, connectionsPerNetwork, connectionsPerMinute } = this.limits
    const [host, network] = keysOf(address)
    const ofHost = this.#byAddress.get(host) ?? 0
    const ofNetwork = this.#byNetwork.get(network) ?? 0
    if (ofHost >= connectionsPerAddress) return this.#refuse('connectionsPerAddress')
    if (ofNetwork >= connectionsPerNetwork) return this.#refuse('connectionsPerNetwork')
    if (connectionsPerMinute > 0 && this.#count(host, now) > connectionsPerMinute)
      return this.#refuse('connectionsPerMinute')
    this.#byAddress.set(host, ofHost + 1)
    this.#byNetwork.set(network, ofNetwork + 1)
    slot.address = address
    return true
  }

  /** The connection is that of another client from now on; false as in {@link enterClient}. */
  changeClient(slot: Slot, address: string, now: number): boolean {
    this.#leaveClient(slot)
    return this.enterClient(slot, address, now)
  }

  /** The connection is over; may be said twice. */
  leave(slot: Slot): void {
    if (!slot.isOpen) return
    slot.isOpen = false
    this.open--
    this.#leaveClient(slot)
  }

  #refuse(limit: keyof AdmissionLimits): false {
    this.met = limit
    return false
  }

  #leaveClient(slot: Slot): void {
    if (slot.address === undefined) return
    const [host, network] = keysOf(slot.address)
    slot.address = undefined
    decrement(this.#byAddress, host)
    decrement(this.#byNetwork, network)
  }

  #count(host: string, now: number): number {
    if (now - this.#windowStart >= WINDOW_MS || this.#recent.size >= REMEMBERED) {
      this.#recent.clear()
      this.#windowStart = now
    }
    const count = (this.#recent.get(host) ?? 0) + 1
    this.#recent.set(host, count)
    return count
  }
}

function decrement(counts: Map<string, number>, key: string): void {
  const count = (counts.get(key) ?? 1) - 1
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}

/** What counts as one client, and as one network: an IPv4 address and its /24, an IPv6 /64 and its /48 (what a customer and a site get). */
function keysOf(address: string): [host: string, network: string] {
  if (!address.includes(':')) return [address, address.slice(0, address.lastIndexOf('.'))]
  if (!ipaddr.IPv6.isValid(address)) return [address, address]
  const { parts } = ipaddr.IPv6.parse(address)
  return [parts.slice(0, 4).join(':'), parts.slice(0, 3).join(':')]
}
