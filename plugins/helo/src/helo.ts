/** What a client's own words and its reverse DNS say of it: mail servers have names that fit, infected machines seldom do. */
import { isIP } from 'node:net'
import { DnsMemo } from '@postroad/dns'
import { DomainTable, domainName, networkOf, networks } from '@postroad/options'
import {
  type Action,
  allowedClient,
  type CommandOpinion,
  Dns,
  definePlugin,
  opinionOf,
  type ReverseDns,
  reverseDns,
  type Session,
} from '@postroad/plugin'
import { type HeloOptions, options } from './options.ts'
import { looksDynamic, records, reverseOf } from './reverse.ts'

const WHOLE = { v4: 32, v6: 128 }
/** Of a client whom nobody can name. */
const NAMELESS: ReverseDns = { result: 'none', name: undefined, names: [] }

/** What is wrong with a HELO name, and what the client is told when that is a refusal. */
interface Fault {
  readonly kind: keyof HeloOptions['name']
  readonly text: string
}

/**
 * Checks reverse DNS at `connect`, and the name at `helo` (what refuses by its form) and `mail` (points, and what needs DNS). Authenticated clients, exempt networks and
 * allowed clients are left alone. RFC 5321 §4.1.4 forbids to refuse mail because the name does not belong to the address, so
 * that is no fault here.
 *
 * @example app.use(helo({ name: { unknown: 'reject' } }))
 */
export const helo = definePlugin({
  name: 'helo',
  options,
  needs: { dns: Dns },
  setup({ options, dns, hostname }) {
    const isExempt = networks(options.exempt)
    const isLeftAlone = ({ identity, protocol, remote }: Session) =>
      identity !== undefined || protocol === 'lmtp' || isExempt(remote.address)
    const opinionOn = (fault: Fault | undefined) =>
      fault &&
      opinionOf(options.name[fault.kind], { text: `HELO name refused: ${fault.text}`, reason: `HELO: ${fault.text}` })
    const exists = new DnsMemo<boolean>()
    const ours = new DomainTable([hostname, ...options.ourNames].map((name) => [name, true]))
    return {
      connect: {
        provides: [reverseDns],
        async handler({ session, signal, set, find }) {
          const { address } = session.remote
          if (address === '') return
          const reverse = isIP(address) === 0 ? NAMELESS : await reverseOf(address, dns, signal)
          set(reverseDns, reverse)
          // `access` has answered meanwhile, unless it waits for this very fact.
          if (isExempt(address) || find(allowedClient) || reverse.result === 'temperror') return
          if (reverse.result !== 'pass') return worth(options.reverse[reverse.result], `reverse DNS: ${reverse.result}`)
          if (reverse.name !== undefined && looksDynamic(reverse.name, address))
            return worth(options.reverse.dynamic, `reverse DNS looks dynamic: ${reverse.name}`)
        },
      },
      helo: {
        after: ['access'],
        handler({ helo, session, find }) {
          if (isLeftAlone(session) || find(allowedClient)) return
          const opinion = opinionOn(wordFault(helo.name, { session, ours }))
          return opinion?.kind === 'suspect' ? undefined : opinion
        },
      },
      // HELO comes again after STARTTLS, and AUTH after it: points are given once for each message, and not to users.
      mail: {
        after: ['access'],
        handler(context) {
          const { helo, session, find } = context
          if (isLeftAlone(session) || find(allowedClient)) return
          const fault = wordFault(helo.name, { session, ours })
          if (fault) return opinionOn(fault)
          const now = context.now()
          const key = helo.name.toLowerCase()
          const known = exists.get(key, now)
          if (known !== undefined) return opinionOn(known ? undefined : UNKNOWN)
          const draw = (asked: Dns) => hasRecords(helo.name, asked, context.signal)
          return exists.learn(key, { dns, now, draw }).then((found) => opinionOn(found ? undefined : UNKNOWN))
        },
      },
    }
  },
})

function worth(action: Action, reason: string): CommandOpinion | undefined {
  // RFC 7372 §3.3
  return opinionOf(action, { text: 'Reverse DNS validation failed', reason, status: '5.7.25', transient: '4.7.25' })
}

interface NameContext {
  readonly session: { readonly remote: { readonly address: string }; readonly local: { readonly address: string } }
  readonly ours: DomainTable<boolean>
}

function wordFault(name: string, { session, ours }: NameContext): Fault | undefined {
  const literal = /^\[(?:IPv6:)?([^\]]*)\]$/i.exec(name)?.[1]
  if (literal !== undefined) return literalFault(literal, session)
  const normal = domainName(name)
  // An address without brackets is no literal, RFC 5321 §4.1.3.
  if (normal === undefined || isIP(name)) return { kind: 'syntax', text: 'not a domain name' }
  if (ours.find(normal)) return { kind: 'ours', text: 'that is us' }
  if (!normal.includes('.')) return { kind: 'single', text: 'not a fully qualified name' }
  return undefined
}

function literalFault(literal: string, { remote, local }: NameContext['session']): Fault | undefined {
  const own = networkOf(literal, WHOLE)
  if (own === undefined) return { kind: 'syntax', text: 'not an address literal' }
  if (own === networkOf(local.address, WHOLE)) return { kind: 'ours', text: 'that is us' }
  if (own !== networkOf(remote.address, WHOLE)) return { kind: 'wrongLiteral', text: 'not your address' }
  return { kind: 'literal', text: 'an address literal' }
}

const UNKNOWN: Fault = { kind: 'unknown', text: 'no such host' }

/** False only when it is certain that there is nothing. */
async function hasRecords(name: string, dns: Dns, signal: AbortSignal): Promise<boolean> {
  const found = await Promise.all([
    records(dns.a(name, signal)),
    records(dns.aaaa(name, signal)),
    records(dns.mx(name, signal)),
  ])
  return found.some((list) => list?.length !== 0)
}
