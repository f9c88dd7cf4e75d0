/** What authorities say of those below them, RFC 5280 §4.2.1.9, §4.2.1.10: how long a path may be, and for which names. Node tells nothing of it. */
import type { X509Certificate } from 'node:crypto'
import { children, DerError, integerOf, oidOf, readDer, TAG, type Value } from './der.ts'

/** What one certificate says. */
interface Constraints {
  /** Authorities that may stand between this one and the server's certificate. */
  readonly pathLength: number | undefined
  readonly names: NameConstraints | undefined
  readonly alternatives: readonly Value[]
  readonly subject: Value
  readonly isSelfIssued: boolean
  /** A critical extension that nobody here knows. */
  readonly unknown: string | undefined
}

interface NameConstraints {
  readonly permitted: readonly Value[]
  readonly excluded: readonly Value[]
}

const BASIC_CONSTRAINTS = '2.5.29.19'
const NAME_CONSTRAINTS = '2.5.29.30'
const ALTERNATIVE_NAMES = '2.5.29.17'
/** Key usage, policies, their constraints and mappings: looked at elsewhere, or about what nobody here asks for. */
const KNOWN: ReadonlySet<string> = new Set([
  BASIC_CONSTRAINTS,
  NAME_CONSTRAINTS,
  ALTERNATIVE_NAMES,
  '2.5.29.15',
  '2.5.29.32',
  '2.5.29.33',
  '2.5.29.36',
  '2.5.29.37',
  '2.5.29.54',
])

/** Forms of a name by their tags, RFC 5280 §4.2.1.6. */
const DNS_NAME = 0x82
const DIRECTORY_NAME = 0xa4
const ADDRESS = 0x87

/**
 * Why the path breaks what its own authorities say; undefined where it does not.
 *
 * @param path the server's certificate, and whatever signed it, up to the anchor and with it
 * @param name the name for which the server's certificate is taken
 */
export function brokenConstraint(path: readonly X509Certificate[], name: string): string | undefined {
  try {
    const read = path.map(constraintsOf)
    return unknownExtension(read) ?? brokenLength(read) ?? brokenName(read, name)
  } catch (error) {
    if (error instanceof DerError || error instanceof RangeError) return 'A certificate of the chain cannot be read'
    throw error
  }
}

/** RFC 5280 §4.2: what is critical and not understood is no certificate. */
function unknownExtension(path: readonly Constraints[]): string | undefined {
  const unknown = path.find((one) => one.unknown !== undefined)?.unknown
  return unknown === undefined ? undefined : `A certificate of the chain has an unknown critical extension (${unknown})`
}

/** RFC 5280 §6.1.4 (l), (m): who has issued itself does not count, nor does the server's own certificate. */
function brokenLength(path: readonly Constraints[]): string | undefined {
  let between = 0
  for (const { pathLength, isSelfIssued } of path.slice(1)) {
    if (pathLength !== undefined && between > pathLength) return 'The chain is longer than an authority in it allows'
    if (!isSelfIssued) between++
  }
  return undefined
}

/** RFC 5280 §6.1.3 (b), (c): all names of all certificates below. */
function brokenName(path: readonly Constraints[], name: string): string | undefined {
  const breaks = path.some(({ names }, at) => {
    if (names === undefined) return false
    const below = path.slice(0, at).filter((one, depth) => depth === 0 || !one.isSelfIssued)
    // A wildcard may stand for a name that is ruled out, and is then taken for just that.
    const taken: Value = { tag: DNS_NAME, data: Buffer.from(name, 'latin1'), raw: Buffer.alloc(0) }
    const all = [...below.flatMap(namesOf), taken]
    return all.some((one) => isRuledOut(one, names))
  })
  return breaks ? 'An authority of the chain is not one for a name in it' : undefined
}

function namesOf({ alternatives, subject }: Constraints): readonly Value[] {
  const hasSubject = children(subject).length > 0
  return hasSubject ? [...alternatives, { tag: DIRECTORY_NAME, data: subject.raw, raw: subject.raw }] : alternatives
}

/** RFC 5280 §4.2.1.10: a form of which nothing is said is free; a form that cannot be judged here is ruled out where something is. */
function isRuledOut(name: Value, { permitted, excluded }: NameConstraints): boolean {
  const ofForm = (one: Value) => one.tag === name.tag
  const allowed = permitted.filter(ofForm)
  const denied = excluded.filter(ofForm)
  if (allowed.length === 0 && denied.length === 0) return false
  if (!JUDGES.has(name.tag)) return true
  const judge = JUDGES.get(name.tag) ?? (() => false)
  return (
    denied.some((one) => judge(name.data, one.data)) ||
    (allowed.length > 0 && !allowed.some((one) => judge(name.data, one.data)))
  )
}

/** Whether a name is within a subtree. */
const JUDGES: ReadonlyMap<number, (name: Buffer, base: Buffer) => boolean> = new Map([
  [DNS_NAME, isBelow],
  [DIRECTORY_NAME, isPrefixed],
  [ADDRESS, isInNetwork],
])

/** Zero or more labels are added to the left. */
function isBelow(name: Buffer, base: Buffer): boolean {
  const [one, above] = [name, base].map((text) =>
    text
      .toString('latin1')
      .toLowerCase()
      .replace(/^\.|\.$/g, ''),
  )
  return above === '' || one === above || one?.endsWith(`.${above}`) === true
}

/** Address and mask, one after the other. */
function isInNetwork(address: Buffer, network: Buffer): boolean {
  const { length } = address
  if (network.length !== 2 * length) return false
  return address.every((octet, at) => {
    const mask = network[length + at] ?? 0
    return (octet & mask) === ((network[at] ?? 0) & mask)
  })
}

/** The subtree's parts, one after the other, are the first parts of the name. */
function isPrefixed(name: Buffer, base: Buffer): boolean {
  const [parts = [], above = []] = [name, base].map((data) => children(readDer(data)).map(plain))
  return above.every((part, at) => part === parts[at])
}

/** RFC 5280 §7.1: letters of either case and any number of spaces are the same, in whatever kind of text. */
function plain(part: Value): string {
  const pairs = children(part).map((pair) => {
    const [type, value] = children(pair)
    const text = value?.data.toString('latin1').toLowerCase().trim().replace(/ +/g, ' ')
    return `${type?.raw.toString('hex')}=${text}`
  })
  return pairs.sort().join('+')
}

/** RFC 5280 §4.1: version, serial number, algorithm, issuer, validity, subject, key, and at the end the extensions. */
function constraintsOf(certificate: X509Certificate): Constraints {
  const [tbs] = children(readDer(certificate.raw))
  const parts = children(tbs ?? readDer(Buffer.alloc(0)))
  const [, , issuer, , subject] = parts[0]?.tag === TAG.version ? parts.slice(1) : parts
  if (issuer === undefined || subject === undefined) throw new DerError('a certificate without a subject')
  const wrapped = parts.find(({ tag }) => tag === TAG.extensions)
  const extensions = (wrapped === undefined ? [] : children(readDer(wrapped.data))).map(extensionOf)
  const find = (oid: string) => {
    const found = extensions.find((one) => one.oid === oid)
    return found && children(readDer(found.value))
  }
  const names = find(NAME_CONSTRAINTS)
  const length = find(BASIC_CONSTRAINTS)?.find(({ tag }) => tag === TAG.integer)
  return {
    pathLength: length && integerOf(length),
    names: names && { permitted: subtreesOf(names, 0xa0), excluded: subtreesOf(names, 0xa1) },
    alternatives: find(ALTERNATIVE_NAMES) ?? [],
    subject,
    isSelfIssued: issuer.raw.equals(subject.raw),
    unknown: extensions.find(({ oid, isCritical }) => isCritical && !KNOWN.has(oid))?.oid,
  }
}

interface Extension {
  readonly oid: string
  readonly isCritical: boolean
  readonly value: Buffer
}

function extensionOf(value: Value): Extension {
  const parts = children(value)
  const last = parts.at(-1)
  if (last === undefined) throw new DerError('an extension without a value')
  return { oid: oidOf(parts[0]), isCritical: parts[1]?.tag === TAG.boolean && parts[1].data[0] !== 0, value: last.data }
}

/** RFC 5280 §4.2.1.10: `minimum` is zero and `maximum` absent, so a subtree has one part. */
function subtreesOf(names: readonly Value[], tag: number): readonly Value[] {
  const found = names.find((one) => one.tag === tag)
  return (found === undefined ? [] : children(found)).map((subtree) => {
    const [base, ...more] = children(subtree)
    if (base === undefined || more.length > 0) throw new DerError('a subtree with a minimum or a maximum')
    return base
  })
}
