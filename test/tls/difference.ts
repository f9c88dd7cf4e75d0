/** Where Postfix 3.7 or Exim 4.96 (with GnuTLS 3.7) do something else than the matrix expects, and why. */
import type { Cell } from './cell.ts'
import type { Fate, Oracle } from './oracle.ts'

/** Cells of one kind. */
interface Difference {
  readonly oracle: Oracle['name']
  readonly fate: Fate
  readonly reason: string
  is(cell: Cell): boolean
}

const hasRecord = ({ tlsa }: Cell, record: string) => Array.isArray(tlsa) && tlsa.some((one) => one.startsWith(record))
const shows =
  (name: string) =>
  ({ server: { chain } }: Cell) =>
    chain[0] === name
const isAnchor = (cell: Cell) => hasRecord(cell, '2 ')
const usesCommonName: Omit<Difference, 'oracle'> = {
  fate: 'dane',
  reason: 'it reads a common name where the certificate has no other name',
  is: shows('cnLeaf'),
}

const DIFFERENCES: readonly Difference[] = [
  {
    oracle: 'postfix',
    fate: 'dane',
    reason: 'it takes the domain for a name of the server also where the MX record is not signed',
    is: (cell) => cell.mx === 'insecure, tried' && shows('domainLeaf')(cell),
  },
  { oracle: 'postfix', ...usesCommonName },
  {
    oracle: 'postfix',
    fate: 'kept',
    reason: 'smtp(8) crashes on a record without data, and the message stays in the queue',
    is: (cell) => hasRecord(cell, '3 1 1 ee/0'),
  },
  {
    oracle: 'postfix',
    fate: 'failed',
    reason: 'a permanent reply to STARTTLS, where TLS is demanded, is one to the message: it bounces',
    is: ({ server }) => server.starttls === '502',
  },
  {
    oracle: 'postfix',
    fate: 'kept',
    reason: 'after a failed handshake only a message that has waited goes in the clear',
    is: ({ server, expected }) => expected === 'clear' && /^(?:garbage|closes)$/.test(server.starttls),
  },
  {
    oracle: 'exim',
    fate: 'tls',
    reason: 'it has no DANE where the MX record is not signed',
    is: ({ mx }) => mx === 'insecure, tried',
  },
  {
    oracle: 'exim',
    fate: 'tls',
    reason: 'it asks for TLSA records at the end of an alias, and not at its beginning',
    is: ({ address, tlsa }) => address.startsWith('alias') && typeof tlsa === 'object' && 'end' in tlsa,
  },
  {
    oracle: 'exim',
    fate: 'kept',
    reason: 'it looks for the name of the host in the certificate, and not for that of the domain',
    is: shows('domainLeaf'),
  },
  { oracle: 'exim', ...usesCommonName },
  {
    oracle: 'exim',
    fate: 'kept',
    reason: 'GnuTLS looks for an anchor only among what the server sent, though the record has it whole',
    is: (cell) => hasRecord(cell, '2 0 0') || hasRecord(cell, '2 1 0'),
  },
  {
    oracle: 'exim',
    fate: 'dane',
    reason: 'GnuTLS is content with an anchor that was sent along, though it has signed nothing of the chain',
    is: ({ server, tlsa }) => server.chain.includes('otherRoot') && Array.isArray(tlsa),
  },
  {
    oracle: 'exim',
    fate: 'dane',
    reason: 'GnuTLS does not look at what the certificate may be used for',
    is: (cell) => isAnchor(cell) && shows('clientLeaf')(cell),
  },
  {
    oracle: 'exim',
    fate: 'dane',
    reason: 'GnuTLS does not look at how long the path to an anchor of DANE may be',
    is: (cell) => isAnchor(cell) && shows('longLeaf')(cell),
  },
  {
    oracle: 'exim',
    fate: 'dane',
    reason: 'GnuTLS does not hold organizations against what the authority says of them',
    is: (cell) => isAnchor(cell) && shows('strangerLeaf')(cell),
  },
  {
    oracle: 'exim',
    fate: 'kept',
    reason: 'GnuTLS takes a certificate that cannot be read for one that does not fit',
    is: (cell) => hasRecord(cell, '3 0 0 ee/40'),
  },
  {
    oracle: 'exim',
    fate: 'dane',
    reason: 'GnuTLS does not prefer the strongest digest',
    is: ({ source }) => source === 'RFC 7671 §9',
  },
]

/** The reason; undefined when there is none. */
export function differenceOf(
  cell: Cell,
  { oracle, fate }: { readonly oracle: Oracle['name']; readonly fate: Fate },
): string | undefined {
  return DIFFERENCES.find((one) => one.oracle === oracle && one.fate === fate && one.is(cell))?.reason
}
