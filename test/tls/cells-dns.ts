/** Cells about the way from the domain to the host: the MX record, and the addresses with their aliases. */
import { type Cell, cell, server } from './cell.ts'

const other = server('leaf')
const none = server('ee', 'not offered')

/** The MX record. */
export const MX_CELLS: readonly Cell[] = [
  cell('dane-ee', 'RFC 7672 §2.2.1', {}),
  cell('skipped validation-failure', 'RFC 7672 §2.2', { server: other }),
  cell('unauthenticated', 'RFC 7672 §2.2.1', { mx: 'insecure' }),
  cell('unauthenticated', 'RFC 7672 §2.2.1', { mx: 'insecure', server: other }),
  cell('clear', 'RFC 7672 §2.2.1', { mx: 'insecure', server: none }),
  cell('unauthenticated', 'RFC 7672 §2.2.1', { mx: 'insecure', tlsa: 'servfail' }),
  cell('dane-ee', 'RFC 7672 §2.2.1', { mx: 'insecure, tried' }),
  cell('skipped validation-failure', 'RFC 7672 §2.2.1', { mx: 'insecure, tried', server: other }),
  cell('unauthenticated', 'RFC 7672 §2.2.1', { mx: 'insecure, tried', tlsa: 'nodata secure' }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', { mx: 'insecure, tried', tlsa: 'servfail' }),
  // Only the host's own name counts where the way to it is not signed.
  cell('skipped certificate-host-mismatch', 'RFC 7672 §3.2.2', {
    mx: 'insecure, tried',
    tlsa: ['2 1 1 root'],
    server: server('domainLeaf intermediate root'),
  }),
  cell('deferred', 'RFC 7672 §2.1.2', { mx: 'bogus' }),
  cell('deferred', 'RFC 7672 §2.1.2', { mx: 'bogus', server: other }),
  cell('deferred', 'RFC 7672 §2.1.2', { mx: 'bogus', server: none }),
  ...(['expired', 'premature', 'stripped', 'wrong DS', 'denial stripped'] as const).map((mx) =>
    cell('deferred', 'RFC 4035 §5.5', { mx }),
  ),
  ...(['opted out', 'unknown algorithm'] as const).flatMap((mx) => [
    cell('unauthenticated', 'RFC 4035 §5.2', { mx }),
    cell('clear', 'RFC 4035 §5.2', { mx, server: none }),
  ]),
  cell('deferred', 'RFC 7672 §2.1.2', { mx: 'timeout' }),
  cell('deferred', 'RFC 7672 §2.1.2', { mx: 'refused' }),
  cell('dane-ee', 'RFC 7672 §2.2.1', { mx: 'nodata secure' }),
  cell('skipped validation-failure', 'RFC 7672 §2.2.1', { mx: 'nodata secure', server: other }),
  cell('skipped starttls-not-supported', 'RFC 7672 §2.2.1', { mx: 'nodata secure', server: none }),
  cell('unauthenticated', 'RFC 7672 §2.2.1', { mx: 'nodata secure', tlsa: 'nodata secure' }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', { mx: 'nodata secure', tlsa: 'servfail' }),
  cell('unauthenticated', 'RFC 7672 §2.2.1', { mx: 'nodata insecure' }),
  cell('clear', 'RFC 7672 §2.2.1', { mx: 'nodata insecure', server: none }),
  cell('failed', 'RFC 5321 §5.1', { mx: 'nxdomain' }),
  cell('failed', 'RFC 7505 §3', { mx: 'null secure' }),
  cell('dane-ee', 'RFC 7672 §2.2.1', { mx: 'alias secure' }),
  cell('skipped validation-failure', 'RFC 7672 §2.2.1', { mx: 'alias secure', server: other }),
  // The domain at the end of the alias is a name of the server as well.
  cell('dane-ta', 'RFC 7672 §3.2.2', {
    mx: 'alias secure',
    tlsa: ['2 1 1 root'],
    server: server('domainLeaf intermediate root'),
  }),
  cell('unauthenticated', 'RFC 7672 §2.2.1', { mx: 'alias from unsigned', server: other }),
  cell('clear', 'RFC 7672 §2.2.1', { mx: 'alias from unsigned', server: none }),
  // One host that does not fit stops only itself.
  cell('dane-ee', 'RFC 7672 §2.2', { mx: 'second good', server: other }),
  cell('dane-ee', 'RFC 7672 §2.2', { mx: 'second good', server: none }),
  cell('dane-ee', 'RFC 7672 §2.1.2', { mx: 'second good', tlsa: 'servfail' }),
  cell('unauthenticated', 'RFC 7672 §2.2', { mx: 'second plain', server: other }),
  cell('unauthenticated', 'RFC 7672 §2.1.2', { mx: 'second plain', tlsa: 'timeout' }),
]

const good = ['3 1 1 ee']
const bad = ['3 1 1 wrong']

/** The addresses. */
export const ADDRESS_CELLS: readonly Cell[] = [
  cell('dane-ee', 'RFC 7672 §2.2.2', { address: 'secure, AAAA bogus' }),
  cell('skipped validation-failure', 'RFC 7672 §2.2.2', { address: 'secure, AAAA bogus', server: other }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', { address: 'secure, AAAA bogus', tlsa: 'servfail' }),
  cell('deferred', 'RFC 7672 §2.1.2', { address: 'bogus' }),
  ...(['expired', 'premature', 'stripped', 'wrong DS'] as const).map((address) =>
    cell('deferred', 'RFC 4035 §5.5', { address }),
  ),
  cell('deferred', 'RFC 7672 §2.1.2', { address: 'timeout' }),
  cell('failed', 'RFC 5321 §5.1', { address: 'nodata secure' }),
  ...(['opted out', 'unknown algorithm'] as const).flatMap((address) => [
    cell('unauthenticated', 'RFC 4035 §5.2', { address }),
    cell('clear', 'RFC 4035 §5.2', { address, server: none }),
  ]),
  cell('unauthenticated', 'RFC 7672 §2.2.2', { address: 'insecure' }),
  cell('unauthenticated', 'RFC 7672 §2.2.2', { address: 'insecure', server: other }),
  cell('clear', 'RFC 7672 §2.2.2', { address: 'insecure', server: none }),
  // Its servers answer no TLSA query at all, and there is much mail for such hosts.
  cell('unauthenticated', 'RFC 7672 §2.2.2', { address: 'insecure', tlsa: 'servfail' }),
  cell('unauthenticated', 'RFC 7672 §2.2.2', { address: 'insecure', tlsa: 'timeout' }),
  cell('dane-ee', 'RFC 7672 §2.2.2', { address: 'alias secure', tlsa: { end: good, begin: 'nodata' } }),
  cell('dane-ee', 'RFC 7672 §2.2.2', { address: 'alias secure', tlsa: { end: 'nodata', begin: good } }),
  cell('dane-ee', 'RFC 7672 §2.2.2', { address: 'alias secure', tlsa: { end: good, begin: bad } }),
  cell('skipped validation-failure', 'RFC 7672 §2.2.2', { address: 'alias secure', tlsa: { end: bad, begin: good } }),
  cell('skipped validation-failure', 'RFC 7672 §2.2.2', {
    address: 'alias secure',
    tlsa: { end: 'nodata', begin: bad },
  }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', {
    address: 'alias secure',
    tlsa: { end: 'servfail', begin: good },
  }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', {
    address: 'alias secure',
    tlsa: { end: 'nodata', begin: 'servfail' },
  }),
  cell('unauthenticated', 'RFC 7672 §2.2.2', { address: 'alias secure', tlsa: { end: 'nodata', begin: 'nodata' } }),
  // The name in the certificate is that of the base, or of the domain.
  cell('dane-ta', 'RFC 7672 §3.2.2', {
    address: 'alias secure',
    tlsa: { end: ['2 1 1 root'], begin: 'nodata' },
    server: server('wildLeaf intermediate root'),
  }),
  cell('skipped certificate-host-mismatch', 'RFC 7672 §3.2.2', {
    address: 'alias secure',
    tlsa: { end: ['2 1 1 root'], begin: 'nodata' },
    server: server('leaf intermediate root'),
  }),
  cell('dane-ee', 'RFC 7672 §2.2.2', { address: 'alias to unsigned', tlsa: { end: 'nodata', begin: good } }),
  cell('skipped validation-failure', 'RFC 7672 §2.2.2', {
    address: 'alias to unsigned',
    tlsa: { end: 'nodata', begin: bad },
  }),
  cell('skipped dnssec-invalid', 'RFC 7672 §2.1.2', {
    address: 'alias to unsigned',
    tlsa: { end: 'nodata', begin: 'servfail' },
  }),
  cell('unauthenticated', 'RFC 7672 §2.2.2', {
    address: 'alias to unsigned',
    tlsa: { end: 'nodata', begin: 'nodata' },
  }),
  cell('unauthenticated', 'RFC 7672 §2.2.2', {
    address: 'alias to unsigned',
    tlsa: { end: 'servfail', begin: 'nodata' },
  }),
  cell('unauthenticated', 'RFC 7672 §2.2.2', { address: 'alias to unsigned', tlsa: { end: bad, begin: 'nodata' } }),
  cell('unauthenticated', 'RFC 7672 §2.2.2', { address: 'alias from unsigned', tlsa: { end: bad, begin: bad } }),
  cell('clear', 'RFC 7672 §2.2.2', { address: 'alias from unsigned', tlsa: { end: good, begin: good }, server: none }),
  cell('unauthenticated', 'RFC 7672 §2.2.2', {
    address: 'alias from unsigned',
    tlsa: { end: 'servfail', begin: 'servfail' },
  }),
  cell('deferred', 'RFC 7672 §2.1.2', { address: 'alias bogus' }),
  cell('deferred', 'RFC 7672 §2.1.2', { address: 'alias loop' }),
]
