/** Cells about the records of a host whose way is signed from end to end, and about the certificates that it shows. */
import { type Cell, cell, server } from './cell.ts'

const chain = server('leaf intermediate root')
const short = server('leaf intermediate')

/** Usage 3: the server's own certificate or key. */
const EE: readonly Cell[] = [
  ...['3 0 0 ee', '3 0 1 ee', '3 0 2 ee', '3 1 0 ee', '3 1 2 ee'].map((record) =>
    cell('dane-ee', 'RFC 7672 §3.1.1', { tlsa: [record] }),
  ),
  ...['3 0 0 leaf', '3 0 1 leaf', '3 0 2 leaf', '3 1 0 leaf', '3 1 1 leaf', '3 1 2 leaf'].map((record) =>
    cell('skipped validation-failure', 'RFC 7672 §2.2', { tlsa: [record] }),
  ),
  cell('dane-ee', 'RFC 7672 §3.1.1', { tlsa: ['3 1 1 leaf'], server: chain }),
  cell('dane-ee', 'RFC 7672 §3.1.1', { tlsa: ['3 1 1 leaf'], server: server('leaf') }),
  cell('dane-ee', 'RFC 7672 §3.1.1', { tlsa: ['3 1 1 expiredEe'], server: server('expiredEe') }),
  cell('dane-ee', 'RFC 7672 §3.1.1', { tlsa: ['3 0 1 expiredLeaf'], server: server('expiredLeaf intermediate root') }),
  cell('dane-ee', 'RFC 7672 §3.1.1', { tlsa: ['3 1 1 otherNameEe'], server: server('otherNameEe') }),
  cell('dane-ee', 'RFC 7672 §3.1.1', { tlsa: ['3 1 1 clientLeaf'], server: server('clientLeaf intermediate') }),
  // A record of usage 3 is about the server's own certificate, and about none above it.
  cell('skipped validation-failure', 'RFC 7671 §5.1', { tlsa: ['3 1 1 root'], server: chain }),
  cell('skipped validation-failure', 'RFC 7671 §5.1', { tlsa: ['3 0 1 intermediate'], server: chain }),
]

/** Usage 2: an authority of the domain's own. */
const TA: readonly Cell[] = [
  ...['2 0 0 root', '2 0 1 root', '2 0 2 root', '2 1 0 root', '2 1 1 root', '2 1 2 root'].map((record) =>
    cell('dane-ta', 'RFC 7672 §3.1.2', { tlsa: [record], server: chain }),
  ),
  ...['2 0 1 intermediate', '2 1 1 intermediate'].flatMap((record) =>
    [chain, short].map((shown) => cell('dane-ta', 'RFC 7671 §5.2', { tlsa: [record], server: shown })),
  ),
  cell('dane-ta', 'RFC 8446 §4.4.2', { tlsa: ['2 1 1 root'], server: server('leaf root intermediate') }),
  // RFC 7671 §5.2.2: a digest finds its anchor only among the certificates that were sent; a whole one is an anchor by itself.
  cell('skipped validation-failure', 'RFC 7671 §5.2.2', { tlsa: ['2 0 1 root'], server: short }),
  cell('skipped validation-failure', 'RFC 7671 §5.2.2', { tlsa: ['2 1 1 root'], server: short }),
  cell('skipped validation-failure', 'RFC 7671 §5.2.2', { tlsa: ['2 1 1 intermediate'], server: server('leaf') }),
  cell('dane-ta', 'RFC 7671 §5.2.2', { tlsa: ['2 0 0 root'], server: short }),
  cell('dane-ta', 'RFC 7671 §5.2.3', { tlsa: ['2 1 0 root'], server: short }),
  cell('dane-ta', 'RFC 7671 §5.2.2', { tlsa: ['2 0 0 intermediate'], server: server('leaf') }),
  cell('skipped validation-failure', 'RFC 7672 §3.1.2', { tlsa: ['2 1 1 otherRoot'], server: chain }),
  cell('skipped validation-failure', 'RFC 7672 §3.1.2', { tlsa: ['2 0 0 otherRoot'], server: chain }),
  // It is sent along, and has signed nothing.
  cell('skipped validation-failure', 'RFC 5280 §6.1', {
    tlsa: ['2 1 1 otherRoot'],
    server: server('leaf intermediate otherRoot'),
  }),
  cell('skipped certificate-expired', 'RFC 7671 §5.2', {
    tlsa: ['2 1 1 root'],
    server: server('expiredLeaf intermediate root'),
  }),
  cell('skipped certificate-host-mismatch', 'RFC 7672 §3.2.2', {
    tlsa: ['2 1 1 root'],
    server: server('otherLeaf intermediate root'),
  }),
  cell('skipped certificate-host-mismatch', 'RFC 9525 §2', {
    tlsa: ['2 1 1 root'],
    server: server('cnLeaf intermediate root'),
  }),
  cell('dane-ta', 'RFC 7672 §3.2.3', { tlsa: ['2 1 1 root'], server: server('wildLeaf intermediate root') }),
  cell('dane-ta', 'RFC 7672 §3.2.2', { tlsa: ['2 1 1 root'], server: server('domainLeaf intermediate root') }),
  cell('skipped certificate-not-trusted', 'RFC 5280 §4.2.1.12', {
    tlsa: ['2 1 1 root'],
    server: server('clientLeaf intermediate root'),
  }),
  // What an authority says of those below it holds though nobody else trusts it.
  cell('dane-ta', 'RFC 5280 §4.2.1.9', { tlsa: ['2 1 1 shortRoot'], server: server('shortLeaf shortRoot') }),
  cell('skipped certificate-not-trusted', 'RFC 5280 §4.2.1.9', {
    tlsa: ['2 1 1 shortRoot'],
    server: server('longLeaf belowShort shortRoot'),
  }),
  // Below the anchor that is named nobody is too many.
  cell('dane-ta', 'RFC 5280 §4.2.1.9', {
    tlsa: ['2 1 1 belowShort'],
    server: server('longLeaf belowShort shortRoot'),
  }),
  cell('dane-ta', 'RFC 5280 §4.2.1.10', { tlsa: ['2 1 1 narrowRoot'], server: server('narrowLeaf narrowRoot') }),
  ...['wideLeaf', 'secretLeaf'].map((leaf) =>
    cell('skipped certificate-not-trusted', 'RFC 5280 §4.2.1.10', {
      tlsa: ['2 1 1 narrowRoot'],
      server: server(`${leaf} narrowRoot`),
    }),
  ),
  cell('dane-ta', 'RFC 5280 §7.1', { tlsa: ['2 1 1 officeRoot'], server: server('officeLeaf officeRoot') }),
  ...['strangerLeaf', 'addressLeaf'].map((leaf) =>
    cell('skipped certificate-not-trusted', 'RFC 5280 §4.2.1.10', {
      tlsa: ['2 1 1 officeRoot'],
      server: server(`${leaf} officeRoot`),
    }),
  ),
  cell('skipped certificate-not-trusted', 'RFC 5280 §4.2', {
    tlsa: ['2 1 1 shortRoot'],
    server: server('oddLeaf shortRoot'),
  }),
  // With usage 3 no chain is looked at, and nothing of what it says.
  cell('dane-ee', 'RFC 7672 §3.1.1', { tlsa: ['3 1 1 longLeaf'], server: server('longLeaf belowShort shortRoot') }),
  // An anchor is another certificate than the server's own.
  cell('skipped validation-failure', 'RFC 7671 §5.2', { tlsa: ['2 1 1 ee'] }),
]

/** Records that cannot be used: TLS, and any certificate. */
const UNUSABLE: readonly Cell[] = [
  ...[
    '0 0 1 ee',
    '0 1 1 leaf',
    '1 1 1 ee',
    '1 0 1 leaf',
    '4 1 1 ee',
    '255 1 1 ee',
    '3 2 1 ee',
    '3 1 3 ee',
    '2 2 1 ee',
    '2 1 3 ee',
  ].map((record) => cell('encrypted', /^[01] /.test(record) ? 'RFC 7672 §3.1.3' : 'RFC 6698 §4.1', { tlsa: [record] })),
  ...['3 1 1 ee/31', '3 1 1 ee/0', '3 1 2 ee/32', '3 0 0 ee/40', '2 0 1 ee/33'].map((record) =>
    cell('encrypted', 'RFC 6698 §4.1', { tlsa: [record] }),
  ),
  cell('encrypted', 'RFC 7672 §2.2', { tlsa: ['1 1 1 ee'], server: server('otherNameEe') }),
  cell('encrypted', 'RFC 7672 §2.2', { tlsa: ['0 0 1 root', '1 1 1 ee', '3 1 3 ee'], server: server('expiredEe') }),
]

/** Several records. */
const SEVERAL: readonly Cell[] = [
  cell('dane-ee', 'RFC 6698 §4.1', { tlsa: ['3 1 1 wrong', '3 1 1 ee'] }),
  cell('dane-ee', 'RFC 6698 §4.1', { tlsa: ['3 1 1 ee', '3 1 1 wrong'] }),
  cell('dane-ee', 'RFC 6698 §4.1', { tlsa: ['2 1 1 otherRoot', '3 1 1 ee'] }),
  cell('dane-ta', 'RFC 6698 §4.1', { tlsa: ['3 1 1 wrong', '2 1 1 root'], server: chain }),
  cell('dane-ee', 'RFC 6698 §4.1', { tlsa: ['1 1 1 wrong', '3 1 1 ee'] }),
  cell('skipped validation-failure', 'RFC 6698 §4.1', { tlsa: ['1 1 1 ee', '3 1 1 wrong'] }),
  cell('skipped validation-failure', 'RFC 6698 §4.1', { tlsa: ['3 1 1 ee/31', '3 1 1 wrong'] }),
  cell('skipped validation-failure', 'RFC 7671 §9', { tlsa: ['3 1 1 ee', '3 1 2 leaf'] }),
  cell('dane-ee', 'RFC 7671 §9', { tlsa: ['3 1 1 wrong', '3 1 2 ee'] }),
  cell('dane-ee', 'RFC 7671 §9', { tlsa: ['3 1 1 ee', '3 0 2 leaf'] }),
  cell('dane-ee', 'RFC 7671 §9', { tlsa: ['3 1 1 ee', '2 1 2 root'] }),
  cell('dane-ee', 'RFC 7671 §9', { tlsa: ['3 1 0 ee', '3 1 2 leaf'] }),
  cell('dane-ee', 'RFC 7671 §9', { tlsa: ['3 1 1 ee', '3 1 2 leaf/40'] }),
  cell('skipped validation-failure', 'RFC 7671 §9', { tlsa: ['2 1 1 root', '2 1 2 otherRoot'], server: chain }),
  // Too many for UDP: the answer comes over TCP.
  cell('dane-ee', 'RFC 6698 §4.1', { tlsa: [...wrong(49), '3 1 1 ee'] }),
  cell('skipped validation-failure', 'RFC 6698 §4.1', { tlsa: wrong(50) }),
  cell('dane-ee', 'RFC 6698 §4.1', { tlsa: { wildcard: ['3 1 1 ee'] } }),
  cell('skipped validation-failure', 'RFC 6698 §4.1', { tlsa: { wildcard: ['3 1 1 wrong'] } }),
]

function wrong(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `3 1 1 wrong${at}`)
}

/** A TLSA name that is an alias. */
const ALIASES: readonly Cell[] = [
  cell('dane-ee', 'RFC 7671 §7', { tlsa: { alias: 'secure', records: ['3 1 1 ee'] } }),
  cell('skipped validation-failure', 'RFC 7671 §7', { tlsa: { alias: 'secure', records: ['3 1 1 wrong'] } }),
  // The name of the host stays that of the question, wherever the records are kept.
  cell('dane-ta', 'RFC 7671 §7', { tlsa: { alias: 'secure', records: ['2 1 1 root'] }, server: chain }),
  cell('unauthenticated', 'RFC 7671 §7', { tlsa: { alias: 'to unsigned', records: ['3 1 1 wrong'] } }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', { tlsa: { alias: 'bogus', records: ['3 1 1 ee'] } }),
]

/** No records, or none that count, or nobody knows. */
const ABSENT: readonly Cell[] = [
  cell('unauthenticated', 'RFC 7672 §2.2', { tlsa: 'nodata secure' }),
  cell('unauthenticated', 'RFC 7672 §2.2', { tlsa: 'nxdomain secure' }),
  cell('unauthenticated', 'RFC 7672 §2.2', { tlsa: 'denied insecure' }),
  cell('unauthenticated', 'RFC 7672 §2.2', { tlsa: { insecure: ['3 1 1 ee'] } }),
  cell('unauthenticated', 'RFC 7672 §2.2', { tlsa: { insecure: ['3 1 1 wrong'] } }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', { tlsa: 'servfail' }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', { tlsa: 'timeout' }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', { tlsa: 'refused' }),
  ...(['bogus', 'expired', 'premature', 'stripped', 'wrong DS', 'denial stripped'] as const).map((flaw) =>
    cell('skipped dnssec-invalid', 'RFC 4035 §5.5', { tlsa: flaw }),
  ),
]

/** All cells about records and certificates. */
export const TLSA_CELLS: readonly Cell[] = [...EE, ...TA, ...UNUSABLE, ...SEVERAL, ...ALIASES, ...ABSENT]
