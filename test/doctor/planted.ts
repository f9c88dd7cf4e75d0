/** Faults as they are planted: one change to what is right, and who has to find it. */
import { generateKeyPairSync } from 'node:crypto'
import { identities } from '../tls/certificate.ts'
import { recordOf } from '../tls/tlsa-record.ts'
import { ADDRESS, type Change, keyRecord } from './patient.ts'
import type { Faults } from './vulnerable-server.ts'

/** One fault. */
export interface Planted {
  readonly what: string
  /** The check that has to find it. */
  readonly check: string
  /** What its evidence has to say. */
  readonly evidence: RegExp
  readonly change: Change
  /** Who answers in place of the good server. */
  readonly server?: Faults
}

const zone = (entries: Change['zone']): Change => (entries === undefined ? {} : { zone: entries })
const spf = (...texts: readonly string[]): Change =>
  zone({ 'dane.test': { MX: [[10, 'mx.dane.test']], TXT: texts, secure: true } })
const mx = (...hosts: readonly (readonly [number, string])[]) => ({
  'dane.test': { MX: hosts, TXT: [`v=spf1 ip4:${ADDRESS} -all`], secure: true },
})
const dmarc = (...texts: readonly string[]): Change => zone({ '_dmarc.dane.test': { TXT: texts } })
const many = Object.fromEntries(
  Array.from({ length: 6 }, (_, at) => [`s${at}.dane.test`, { TXT: ['v=spf1 a:mx.dane.test -all'] }]),
)
const files = (entries: NonNullable<Change['files']>): Change => ({ files: entries })
const chainOf = (name: 'leaf' | 'expiredLeaf' | 'otherLeaf'): NonNullable<Change['files']> => ({
  'cert.pem': identities[name].cert + identities.intermediate.cert,
  'key.pem': identities[name].key,
})

/** Each has to be found, by the check that is named. */
export const PLANTED: readonly Planted[] = [
  { what: 'the domain does not exist', check: 'mx', evidence: /NXDOMAIN/, change: { context: { domains: ['nowhere.test'] } } },
  { what: 'no MX and no address', check: 'mx', evidence: /nobody can bring mail/, change: zone({ 'dane.test': { TXT: [`v=spf1 ip4:${ADDRESS} -all`] } }) },
  { what: 'a null MX', check: 'mx', evidence: /null MX/, change: zone(mx([0, '.'])) },
  { what: 'MX names an alias', check: 'mx', evidence: /alias/, change: zone({ ...mx([10, 'alias.dane.test']), 'alias.dane.test': { CNAME: 'mx.dane.test' } }) },
  { what: 'MX names an address', check: 'mx', evidence: /names an address/, change: zone(mx([10, ADDRESS])) },
  { what: 'MX names a host without an address', check: 'mx', evidence: /has no address/, change: zone(mx([10, 'gone.dane.test'])) },
  { what: 'MX leads elsewhere', check: 'mx', evidence: /none of its mail hosts/, change: zone(mx([10, 'mx.remote.test'])) },
  { what: 'the host name is one word', check: 'helo', evidence: /one word/, change: { context: { hostname: 'localhost' } } },
  { what: 'the host name has no address', check: 'helo', evidence: /no address/, change: { context: { hostname: 'none.dane.test' } } },
  { what: 'the host name is an address', check: 'helo', evidence: /is an address/, change: { context: { hostname: ADDRESS } } },
  { what: 'the host name leads to a private address', check: 'address', evidence: /cannot reach: 10\.0\.0\.5/, change: zone({ 'mx.dane.test': { A: ['10.0.0.5'], TXT: ['v=spf1 a -all'] } }) },
  { what: 'the host name leads to another host', check: 'address', evidence: /no address of this host/, change: zone({ 'mx.dane.test': { A: ['192.0.2.77'], TXT: ['v=spf1 a -all'] } }) },
  { what: 'no reverse name', check: 'ptr', evidence: /no name/, change: zone({ [ADDRESS]: { TXT: ['x'] } }) },
  { what: 'a reverse name that does not lead back', check: 'ptr', evidence: /does not lead back/, change: zone({ [ADDRESS]: { PTR: ['mx.remote.test'] } }) },
  { what: 'IPv6 is published and not there', check: 'ipv6', evidence: /no IPv6/, change: zone({ 'mx.dane.test': { A: [ADDRESS], AAAA: ['2001:db8::25'], TXT: ['v=spf1 a -all'] } }) },
  { what: 'no SPF record', check: 'spf', evidence: /no SPF record/, change: spf('hello') },
  { what: 'two SPF records', check: 'spf', evidence: /2 SPF records/, change: spf('v=spf1 mx -all', 'v=spf1 -all') },
  { what: 'an SPF record of more than ten lookups', check: 'spf', evidence: /12 lookups of 10/, change: zone({ ...many, ...spf(`v=spf1 ${Object.keys(many).map((name) => `include:${name}`).join(' ')} -all`).zone }) },
  { what: 'an SPF record that everybody passes', check: 'spf', evidence: /everybody may send/, change: spf('v=spf1 mx +all') },
  { what: 'an SPF record that leaves us out', check: 'spf', evidence: /gets fail/, change: spf('v=spf1 ip4:192.0.2.1 -all') },
  { what: 'a word in an SPF record that is none', check: 'spf', evidence: /is no mechanism/, change: spf('v=spf1 ipv4:192.0.2.25 -all') },
  { what: 'SPF includes what is not there', check: 'spf', evidence: /which has no SPF record/, change: spf('v=spf1 mx include:gone.test -all') },
  { what: 'the key under the selector is another', check: 'dkim-key', evidence: /another than the one/, change: zone({ 's1._domainkey.dane.test': { TXT: [keyRecord(generateKeyPairSync('ed25519'))] } }) },
  { what: 'no key under the selector', check: 'dkim-key', evidence: /no key/, change: zone({ 's1._domainkey.dane.test': 'NXDOMAIN' }) },
  { what: 'the key was withdrawn', check: 'dkim-selector', evidence: /no key that can be used/, change: zone({ 's1._domainkey.dane.test': { TXT: ['v=DKIM1; p='] } }) },
  { what: 'no DMARC record', check: 'dmarc', evidence: /no DMARC record/, change: zone({ '_dmarc.dane.test': 'NXDOMAIN' }) },
  { what: 'two DMARC records', check: 'dmarc', evidence: /several records/, change: dmarc('v=DMARC1; p=reject', 'v=DMARC1; p=none') },
  { what: 'a DMARC policy that does not exist', check: 'dmarc', evidence: /p=refuse/, change: dmarc('v=DMARC1; p=refuse; rua=mailto:d@dane.test') },
  { what: 'reports go to who did not ask for them', check: 'dmarc', evidence: /does not say that it takes reports/, change: dmarc('v=DMARC1; p=reject; rua=mailto:d@stranger.test') },
  { what: 'the MTA-STS policy cannot be fetched', check: 'mta-sts', evidence: /cannot be had: no answer/, change: { sts: { failure: 'sts-policy-fetch-error', reason: 'no answer' } } },
  { what: 'the MTA-STS policy does not name the host', check: 'mta-sts', evidence: /does not name mx\.dane\.test/, change: { sts: { mx: ['mail.dane.test'] } } },
  { what: 'the MTA-STS record has no id', check: 'mta-sts', evidence: /no record that counts/, change: zone({ '_mta-sts.dane.test': { TXT: ['v=STSv1'] } }) },
  { what: 'TLSA is about another key', check: 'tlsa', evidence: /No record is about this certificate/, change: zone({ '_25._tcp.mx.dane.test': { TLSA: [recordOf('3 1 1 otherLeaf')], secure: true } }) },
  { what: 'TLS-RPT names what nobody can report to', check: 'tls-rpt', evidence: /neither mailto: nor https:/, change: zone({ '_smtp._tls.dane.test': { TXT: ['v=TLSRPTv1; rua=tls@dane.test'] } }) },
  { what: 'BIMI without an enforced DMARC', check: 'bimi', evidence: /DMARC is p=none/, change: dmarc('v=DMARC1; p=none; rua=mailto:d@dane.test') },
  { what: 'a picture that is not served by https', check: 'bimi', evidence: /no SVG at an https/, change: zone({ 'default._bimi.dane.test': { TXT: ['v=BIMI1; l=http://dane.test/logo.png'] } }) },
  { what: 'our address is on a list', check: 'blocklist', evidence: /listed by list\.test \(127\.0\.0\.4\): sent spam/, change: zone({ '25.2.0.192.list.test': { A: ['127.0.0.4'], TXT: ['sent spam'] } }) },
  { what: 'the certificate has expired', check: 'certificate', evidence: /expired on 2020/, change: files(chainOf('expiredLeaf')) },
  { what: 'the certificate ends in two days', check: 'certificate', evidence: /\d days left/, change: { context: { now: () => Date.parse('2125-05-06') } } },
  { what: 'the key is not of the certificate', check: 'certificate', evidence: /is not of this certificate/, change: files({ 'key.pem': identities.ee.key }) },
  { what: 'the chain is missing', check: 'certificate', evidence: /only the certificate itself/, change: files({ 'cert.pem': identities.leaf.cert }) },
  { what: 'the chain is out of order', check: 'certificate', evidence: /has not issued/, change: files({ 'cert.pem': identities.leaf.cert + identities.root.cert + identities.intermediate.cert }) },
  { what: 'users see a certificate of another name', check: 'certificate', evidence: /other\.test, and not of mx\.dane\.test/, change: { ...files(chainOf('otherLeaf')), context: { certificates: [{ cert: 'cert.pem', key: 'key.pem', listeners: ['submission'], isPublic: false }] } } },
  { what: 'everybody can read the key', check: 'certificate', evidence: /every user of this machine/, change: { world: { file: async () => ({ uid: 1000, mode: 0o644, isFolder: false }) } } },
  { what: 'the certificate is not there', check: 'certificate', evidence: /ENOENT: other\.pem/, change: { context: { certificates: [{ cert: 'other.pem', key: 'key.pem', listeners: [], isPublic: true }] } } },
  { what: 'an old Node.js', check: 'node', evidence: /older than/, change: { world: { nodeVersion: '20.11.1' } } },
  { what: 'few open files', check: 'limits', evidence: /256 at once/, change: { world: { openFiles: async () => 256 } } },
  { what: 'the clock is five minutes ahead', check: 'clock', evidence: /300\.0 s ahead/, change: { world: { clockOffsetMs: async () => 300_000 } } },
  { what: 'the disk is full', check: 'disk', evidence: /0\.1 GiB free/, change: { world: { disk: async () => ({ freeBytes: 1e8, totalBytes: 100e9, freeInodes: 5e6, totalInodes: 6e6 }) } } },
  { what: 'no inodes', check: 'disk', evidence: /12 files more/, change: { world: { disk: async () => ({ freeBytes: 40e9, totalBytes: 100e9, freeInodes: 12, totalInodes: 6e6 }) } } },
  { what: 'stable storage takes half a second', check: 'fsync', evidence: /500\.0 ms/, change: { world: { fsyncMs: async () => 500 } } },
  { what: 'the folder cannot be written', check: 'fsync', evidence: /EACCES/, change: { world: { fsyncMs: () => Promise.reject(new Error('EACCES: permission denied')) } } },
  { what: 'every user may write where mail is kept', check: 'permissions', evidence: /every user may write/, change: { world: { file: async (file) => ({ uid: 1000, mode: file.endsWith('.pem') ? 0o600 : 0o777, isFolder: true }) } } },
  { what: 'the resolver is silent', check: 'resolver', evidence: /does not answer/, change: { context: { probe: { signed: 'bogus.test', bogus: 'bogus.test' } } } },
  { what: 'a mistake in the configuration', check: 'configuration', evidence: /nobody there takes/, change: { context: { configuration: [{ message: 'routing sends mail by "x", which nobody there takes', fix: 'Correct via.', isFault: true }] } } },
  { what: 'port 25 is closed to the outside', check: 'port-out', evidence: /mail cannot be sent/, change: { world: { connect: ({ host }) => Promise.reject(new Error(`timed out: ${host}`)) } } },
  { what: 'nobody answers on port 25', check: 'port-in', evidence: /nobody answers/, change: { world: { connect: () => Promise.reject(new Error('ECONNREFUSED')) } } },
  { what: 'no TLS on the way in', check: 'inbound-tls', evidence: /does not offer STARTTLS/, change: { context: { inboundTls: async () => [{ host: 'mx.dane.test', address: ADDRESS, tls: undefined, reason: 'the server does not offer STARTTLS' }] } } },
  { what: 'no STARTTLS', check: 'greeting', evidence: /does not offer STARTTLS/, change: {}, server: { keywords: ['PIPELINING'] } },
  { what: 'the server greets with 554', check: 'greeting', evidence: /554/, change: {}, server: { banner: '554 5.7.1 No' } },
  { what: 'passwords are asked for in the clear', check: 'greeting', evidence: /AUTH PLAIN in the clear/, change: {}, server: { keywords: ['STARTTLS', 'AUTH PLAIN'] } },
  { what: 'an open relay', check: 'relay', evidence: /takes mail for <probe@relay-test\.invalid>/, change: {}, server: { relays: true } },
  { what: 'LF.LF ends a message', check: 'smuggling', evidence: /LF\.LF ends a message/, change: {}, server: { ends: '\n.\n' } },
  { what: 'CR.CRLF ends a message', check: 'smuggling', evidence: /CR\.CRLF ends a message/, change: {}, server: { ends: '\r.\r\n' } },
] // biome-ignore format: a table
