/** Who we say that we are, and who DNS says that we are. */
import { isIP } from 'node:net'
import type { HealthFinding } from '@postroad/plugin'
import type { Check, DoctorContext } from '../check.ts'
import { fault, ok, remark, unknown } from '../finding.ts'
import { addressesOf, canonicalAddress, look } from '../look.ts'
import { isPrivate } from '../private.ts'

/** The name in the banner and in EHLO. */
export const helo: Check = {
  name: 'helo',
  group: 'outside',
  summary: 'The name in the banner and in EHLO is a full name that leads to this host.',
  rfc: 'RFC 5321 §4.1.4',
  async run({ hostname, dns, signal }) {
    const rfc = 'RFC 5321 §2.3.5'
    const fix = "Set hostname in the configuration to this server's full name in the DNS, mail.example.com."
    if (isIP(hostname) !== 0 || hostname.startsWith('['))
      return [fault(hostname, 'the host name is an address', { rfc, fix })]
    if (!hostname.includes('.'))
      return [fault(hostname, 'the host name is one word, and no name in the DNS', { rfc, fix })]
    if (/(?:^|\.)(?:localhost|localdomain|local|internal|lan|home|invalid)$/i.test(hostname))
      return [fault(hostname, 'the host name is one of a private network', { rfc, fix })]
    if (!/^(?!-)[a-z0-9-]+(?:\.(?!-)[a-z0-9-]+)+$/i.test(hostname))
      return [fault(hostname, 'the host name has characters that no host has', { rfc: 'RFC 5321 §4.1.2', fix })]
    const found = await addressesOf(hostname, dns, signal)
    if (found === undefined) return [unknown(hostname, `A ${hostname}`, 'no answer')]
    if (found.length === 0)
      return [
        fault(hostname, 'the name has no address: many servers refuse EHLO with it', {
          rfc: 'RFC 5321 §4.1.4',
          fix: `Publish an A record of ${hostname}, or another hostname in the configuration.`,
        }),
      ]
    return [ok(hostname, found.join(', '))]
  },
}

/** Addresses of the host name. */
export const address: Check = {
  name: 'address',
  group: 'outside',
  summary: 'The host name leads to the addresses under which others see this host, and to no private one.',
  rfc: 'RFC 1918 §3',
  async run({ hostname, addresses, dns, signal }) {
    const found = await addressesOf(hostname, dns, signal)
    if (found === undefined || found.length === 0) return []
    const inside = found.filter(isPrivate)
    if (inside.length > 0)
      return [
        fault(hostname, `an address that others cannot reach: ${inside.join(', ')}`, {
          rfc: 'RFC 1918 §3',
          fix: `Take ${inside.join(', ')} out of the zone; publish the address that the internet sees.`,
        }),
      ]
    const own = addresses.map(canonicalAddress)
    const foreign = own.length === 0 ? [] : found.filter((one) => !own.includes(one))
    if (foreign.length > 0)
      return [
        fault(hostname, `${foreign.join(', ')} is no address of this host, which has ${own.join(', ')}`, {
          rfc: 'RFC 5321 §4.1.4',
          fix: `Correct the A and AAAA records of ${hostname}; behind NAT say the outer address with --address.`,
        }),
      ]
    return [ok(hostname, found.join(', '))]
  },
}

/** Reverse DNS, forward-confirmed. */
export const ptr: Check = {
  name: 'ptr',
  group: 'outside',
  summary: 'Each address has a name, that name leads back to the address, and it is the name that we say.',
  rfc: 'RFC 8601 §2.7.3',
  run: async (context) =>
    Promise.all(context.addresses.filter((one) => !isPrivate(one)).map((one) => reverse(one, context))),
}

async function reverse(ip: string, { dns, signal, hostname }: DoctorContext): Promise<HealthFinding> {
  const rfc = 'RFC 8601 §2.7.3'
  const fix = `Ask who gave you the address to set its reverse DNS to ${hostname}.`
  const found = await look(dns.ptr(ip, signal))
  if (!found.isKnown) return unknown(ip, `PTR ${ip}`, found.code)
  const names = found.records.map((name) => name.toLowerCase().replace(/\.$/, ''))
  if (names.length === 0) return fault(ip, 'no name (PTR): the large providers refuse such mail', { rfc, fix })
  const confirmed: string[] = []
  for (const name of names.slice(0, 10))
    if ((await addressesOf(name, dns, signal))?.includes(canonicalAddress(ip))) confirmed.push(name)
  if (confirmed.length === 0)
    return fault(ip, `the name ${names.join(', ')} does not lead back to it`, {
      rfc,
      fix: `Publish an A or AAAA record ${names[0]} → ${ip}, or: ${fix}`,
    })
  if (!confirmed.includes(hostname.toLowerCase()))
    return remark(ip, `its name is ${confirmed.join(', ')}, and we say ${hostname}`, { rfc: 'RFC 5321 §4.1.4', fix })
  if (names.length > 1)
    return remark(ip, `${names.length} names: ${names.join(', ')}`, {
      rfc: 'RFC 8601 §2.7.3',
      fix: 'Keep one PTR record: which of several is seen is chance.',
    })
  return ok(ip, `${confirmed[0]}, and back`)
}

/** IPv6, where it is published. */
export const ipv6: Check = {
  name: 'ipv6',
  group: 'local',
  summary: 'Where the host name has an address of IPv6 this machine has one, too.',
  rfc: 'RFC 3974 §3',
  async run({ hostname, dns, signal, world }) {
    const found = await look(dns.aaaa(hostname, signal))
    if (!found.isKnown) return []
    if (found.records.length === 0)
      return [
        ok(hostname, world.hasIpv6 ? 'no AAAA record, though this host has IPv6' : 'no IPv6, and none is published'),
      ]
    if (!world.hasIpv6)
      return [
        fault(
          hostname,
          `${found.records.join(', ')} is published, and this host has no IPv6: who comes that way waits until it fails`,
          { rfc: 'RFC 3974 §3', fix: `Take the AAAA record of ${hostname} away, or give this host the address.` },
        ),
      ]
    return [ok(hostname, found.records.join(', '))]
  },
}
