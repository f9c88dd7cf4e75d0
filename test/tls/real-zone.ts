/** A cell's DNS as zones that are really signed, and what is wrong with them. */
import type { Cell, Flaw } from './cell.ts'
import { END, endOf, FIRST, hostOf, isAlias, isPair, isUnsigned, type One, SECOND, TLSA_END } from './place.ts'
import { recordOf } from './tlsa-record.ts'

/**
 * `signed`: the zone above has its DS record; `island`: it has not, and the resolver is told the key; `wrong DS`: it has another one; `unknown
 * algorithm`: one of an algorithm that nobody has; `unsigned`: none, and says so; `opted out`: none, and says nothing (opt-out, RFC 5155).
 */
export type Signing = 'signed' | 'island' | 'wrong DS' | 'unknown algorithm' | 'unsigned' | 'opted out'

/** What is done to a zone after it was signed. */
export interface ZoneFlaw {
  /** Undefined: all proofs that there is something not. */
  readonly owner?: string
  readonly type?: string
  readonly how: Exclude<Flaw, 'wrong DS'>
}

/** A zone. */
export interface RealZone {
  readonly name: string
  readonly signing: Signing
  /** `mx.dane.test. A 127.0.0.2`, without SOA and NS; delegations are added by who signs. */
  readonly records: string[]
  readonly flaws: ZoneFlaw[]
}

/** Everything that servers and resolver have to know. */
export interface RealDns {
  readonly zones: readonly RealZone[]
  /** Names whose server says nothing, or is not there. */
  readonly silent: readonly string[]
  readonly gone: readonly string[]
  /** Names that the resolver refuses to look up. */
  readonly refused: readonly string[]
}

/** The top of everything: its key is the anchor of trust. */
export const TOP = 'test'

/** The cell's DNS, for servers on this port. */
export function realDns(cell: Cell, port: number): RealDns {
  const tree = new Tree()
  placeDomain(tree, cell)
  placeHost(tree, cell)
  placeTlsa(tree, cell, port)
  if (cell.mx === 'second good' || cell.mx === 'second plain') tree.record('mx2.dane.test', `A ${SECOND}`)
  if (cell.mx === 'second good') tree.tlsa(`_${port}._tcp.mx2.dane.test`, ['3 1 1 ee'])
  return tree
}

class Tree implements RealDns {
  readonly zones: RealZone[] = [{ name: TOP, signing: 'island', records: [], flaws: [] }]
  readonly silent: string[] = []
  readonly gone: string[] = []
  readonly refused: string[] = []

  zone(name: string, signing: Signing): void {
    if (!this.zones.some((one) => one.name === name)) this.zones.push({ name, signing, records: [], flaws: [] })
  }

  record(owner: string, data: string): void {
    this.#of(owner).records.push(`${owner}. ${data}`)
  }

  tlsa(owner: string, records: readonly string[]): void {
    for (const { usage, selector, matching, data } of records.map(recordOf)) {
      // RFC 3597: a record without data cannot be written otherwise.
      const rdata = Buffer.concat([Buffer.from([usage, selector, matching]), data]).toString('hex')
      const isEmpty = data.length === 0
      this.record(
        owner,
        isEmpty ? `TYPE52 \\# 3 ${rdata}` : `TLSA ${usage} ${selector} ${matching} ${data.toString('hex')}`,
      )
    }
  }

  flaw(owner: string, type: string, how: ZoneFlaw['how']): void {
    this.#of(owner).flaws.push(how === 'denial stripped' ? { how } : { owner, type, how })
  }

  /** The deepest zone that the name is in. */
  #of(owner: string): RealZone {
    const found = this.zones
      .filter(({ name }) => owner === name || owner.endsWith(`.${name}`))
      .toSorted((a, b) => b.name.length - a.name.length)[0]
    if (found === undefined) throw new TypeError(`${owner} is in no zone`)
    return found
  }
}

function placeDomain(tree: Tree, { mx, address }: Cell): void {
  if (mx === 'nxdomain') return
  const host = hostOf({ mx, address })
  tree.zone('dane.test', domainSigning(mx))
  if (mx === 'timeout') tree.silent.push('dane.test')
  if (mx === 'refused') tree.refused.push('dane.test')
  if (mx === 'alias secure') tree.record('alias.dane.test', 'CNAME dane.test.')
  if (mx === 'alias from unsigned') {
    tree.zone('plain.test', 'unsigned')
    tree.record('alias.plain.test', 'CNAME dane.test.')
  }
  if (mx === 'null secure') tree.record('dane.test', 'MX 0 .')
  else if (host !== 'dane.test' && mx !== 'denial stripped') tree.record('dane.test', `MX 0 ${host}.`)
  if (mx === 'second good' || mx === 'second plain') tree.record('dane.test', 'MX 10 mx2.dane.test.')
  if (isFlaw(mx)) tree.flaw('dane.test', 'MX', mx)
}

function domainSigning(mx: Cell['mx']): Signing {
  if (mx === 'opted out' || mx === 'unknown algorithm' || mx === 'wrong DS') return mx
  return isUnsigned(mx) || mx === 'nodata insecure' ? 'unsigned' : 'signed'
}

function placeHost(tree: Tree, { mx, address }: Cell): void {
  if (mx === 'nxdomain') return
  const host = hostOf({ mx, address })
  const isOwn = host === 'dane.test'
  // A host that is signed, below a domain that is not: it has an anchor of its own.
  if (isUnsigned(mx)) tree.zone(host, 'island')
  if (isOwn && address !== 'secure') throw new TypeError('a domain that is its own host has addresses')
  switch (address) {
    case 'opted out':
    case 'unknown algorithm':
    case 'wrong DS':
      tree.zone(host, address)
      break
    case 'insecure':
      tree.zone(host, 'unsigned')
      break
    case 'alias from unsigned':
      tree.zone('plain.dane.test', 'unsigned')
      break
    case 'alias to unsigned':
      tree.zone(END, 'unsigned')
      break
    default:
  }
  if (address === 'nodata secure') tree.record(host, 'TXT "there is another record"')
  else if (address === 'alias loop') {
    tree.record(host, `CNAME ${END}.`)
    tree.record(END, `CNAME ${host}.`)
  } else if (address.startsWith('alias')) {
    tree.record(host, `CNAME ${END}.`)
    tree.record(END, `A ${FIRST}`)
  } else tree.record(host, `A ${FIRST}`)
  if (address === 'alias bogus') tree.flaw(host, 'CNAME', 'bogus')
  if (address === 'timeout') tree.silent.push(host)
  if (address === 'secure, AAAA bogus') {
    tree.record(host, 'AAAA ::1')
    tree.flaw(host, 'AAAA', 'bogus')
  }
  if (isFlaw(address)) tree.flaw(host, 'A', address)
}

function placeTlsa(tree: Tree, { mx, address, tlsa }: Cell, port: number): void {
  if (mx === 'nxdomain' || mx === 'refused') return
  const host = hostOf({ mx, address })
  if (isPair(tlsa)) {
    placeOne(tree, { host, port }, endOf(tlsa.begin))
    placeOne(tree, { host: END, port }, endOf(tlsa.end))
  } else if (isAlias(tlsa)) {
    const owner = `_${port}._tcp.${host}`
    if (tlsa.alias === 'to unsigned') tree.zone(TLSA_END, 'unsigned')
    tree.record(owner, `CNAME ${TLSA_END}.`)
    tree.tlsa(TLSA_END, tlsa.records)
    if (tlsa.alias === 'bogus') tree.flaw(owner, 'CNAME', 'bogus')
  } else placeOne(tree, { host, port }, tlsa)
}

/** The records of one host. */
function placeOne(tree: Tree, { host, port }: { readonly host: string; readonly port: number }, tlsa: One): void {
  const above = `_tcp.${host}`
  const owner = `_${port}.${above}`
  if (Array.isArray(tlsa))
    tree.tlsa(owner, tlsa as readonly string[]) // `as`: isArray does not narrow readonly arrays
  else if (typeof tlsa === 'object') {
    if ('wildcard' in tlsa) tree.tlsa(`*.${above}`, tlsa.wildcard)
    if ('insecure' in tlsa) {
      tree.zone(above, 'unsigned')
      tree.tlsa(owner, tlsa.insecure)
    }
  } else placeState(tree, { above, owner }, tlsa)
}

function placeState(
  tree: Tree,
  { above, owner }: { readonly above: string; readonly owner: string },
  state: Extract<One, string>,
): void {
  if (state === 'servfail' || state === 'timeout') {
    // A zone of its own: else the one above would prove that there is nothing.
    tree.zone(above, 'signed')
    tree[state === 'servfail' ? 'gone' : 'silent'].push(above)
  } else if (state === 'refused') tree.refused.push(above)
  else if (state === 'denied insecure') {
    tree.zone(above, 'unsigned')
    tree.record(owner, 'TXT "there is another record"')
  } else if (state === 'nodata secure' || state === 'denial stripped') {
    tree.record(owner, 'TXT "there is another record"')
    if (state === 'denial stripped') tree.flaw(owner, 'TLSA', state)
  } else if (state !== 'nxdomain secure') {
    if (state === 'wrong DS') tree.zone(above, 'wrong DS')
    tree.tlsa(owner, ['3 1 1 ee'])
    if (isFlaw(state)) tree.flaw(owner, 'TLSA', state)
  }
}

function isFlaw(state: string): state is ZoneFlaw['how'] {
  return ['bogus', 'expired', 'premature', 'stripped', 'denial stripped'].includes(state)
}
