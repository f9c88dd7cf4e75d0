/** How each published plugin is played: its main dialogues, and what must be seen. */
import { LETTER, type Played } from './play.ts'

/** Ports and paths of what plugins ask. */
export interface Ports {
  readonly redis: number
  readonly clamd: number
  readonly spamd: number
  readonly rspamd: number
  readonly avg: number
  readonly dcc: number
  readonly sniffer: number
  readonly p0f: string
  readonly qmail: number
  readonly elastic: number
  /** Whether a message is in the index. */
  indexed(): boolean
  readonly gone: number
  readonly folder: string
  readonly eicar: string
}

/** Names that plugins look up. */
export const ZONE = {
  '165.51.128.66.in-addr.arpa PTR': ['mail.example.net'],
  'mail.example.net A': ['66.128.51.165'],
  'example.net A': ['66.128.51.165'],
  'example.net MX': [{ preference: 10, exchange: 'mail.example.net' }],
  'example.net TXT': [['v=spf1 ip4:66.128.51.165 -all']],
  'mail.example.net TXT': [['v=spf1 ip4:66.128.51.165 -all']],
  'example.org TXT': [['v=spf1 -all']],
  'example.org MX': [{ preference: 10, exchange: 'mail.example.net' }],
  '165.51.128.66.asn.rspamd.com TXT': [['64500|66.128.51.0/24|US|arin|']],
  '165.51.128.66.asn.test TXT': [['64500|66.128.51.0/24|US|arin|']],
  '165.51.128.66.dnsbl.test A': ['127.0.0.2'],
  '2.0.0.127.dnsbl.test A': ['127.0.0.2'],
  'bad-example.com.uribl.test A': ['127.0.0.2'],
  'bad-example.com A': ['192.0.2.7'],
} as const

const redis = (port: number): string => `[server]\nhost=127.0.0.1\nport=${port}\n`
const ROUTE = { route: { via: 'x' } }

/** By the plugin's short name. */
export function playedWith(ports: Ports): Readonly<Record<string, Played>> {
  const own = `[redis]\nhost=127.0.0.1\nport=${ports.redis}\n`
  const shared = { 'redis.ini': redis(ports.redis) }
  const mime = `Content-Type: multipart/mixed; boundary=b\n${LETTER.replace('\nhello\n', '\n--b\nContent-Type: text/plain\n\nhello\n--b\nContent-Type: application/octet-stream; name=a.exe\nContent-Disposition: attachment; filename=a.exe\n\nMZ\n--b--\n')}`
  return {
    access: {
      files: { 'mail_from.access.blacklist': 'evil@example.net\n', 'rcpt_to.access.blacklist': 'shut@mx.test\n' },
      dialogues: [
        { says: 'a sender on the black list', from: 'evil@example.net', sees: /^550 5\.7\.1 .*evil@example\.net/ },
        { says: 'a recipient on the black list', to: 'shut@mx.test', sees: /^550 5\.7\.1 .*shut@mx\.test/ },
        { says: 'anybody else', sees: /^250 .*"access":\{/ },
      ],
    },
    aliases: {
      files: {
        'aliases.json':
          '{"bob@mx.test":{"action":"alias","to":["ann@mx.test","eve@mx.test"]},"bin@mx.test":{"action":"drop"}}',
      },
      dialogues: [
        { says: 'an alias', sees: /\| ann@mx\.test,eve@mx\.test \|/ },
        { says: 'a drop', to: 'bin@mx.test', sees: /^250 .*\| {2}\|/ },
      ],
    },
    asn: {
      files: {
        'asn.ini':
          '[main]\nproviders=asn.rspamd.com\ntest_ip=66.128.51.165\n[protocols]\ndns=true\ngeoip=false\n[header]\nasn=true\nprovider=true\n',
      },
      dialogues: [
        { says: 'the number is a result, and a field', patient: true, sees: /"asn":"?64500"?.*X-Haraka-ASN: 64500/s },
      ],
    },
    attachment: {
      files: { 'attachment.ini': 'disallowed_extensions=exe\n', 'attachment.filename.regex': '\\.exe$\n' },
      dialogues: [
        { says: 'a forbidden file', data: mime, sees: /^550 5\.7\.1 .*(?:exe|unacceptable)/ },
        { says: 'no file', sees: /^250 / },
      ],
    },
    'auth-ldap': {
      files: {
        'auth_ldap.ini': `[core]\nserver=ldap://127.0.0.1:${ports.gone}\ntimeout=500\n[dns]\ndn1=uid=%u,dc=x\n`,
      },
      dialogues: [
        {
          says: 'a login while the directory is down is no mail relayed',
          auth: { username: 'a', password: 'b' },
          sees: /^(?:535|451|454|250|500)/,
        },
      ],
    },
    avg: {
      files: { 'avg.ini': `[main]\nport=${ports.avg}\ntmpdir=${ports.folder}\n` },
      dialogues: [{ says: 'a virus', data: `${LETTER}${ports.eicar}\n`, sees: /^550 5\.7\.1 .*(?:virus|EICAR)/i }],
    },
    bounce: {
      files: { 'bounce.ini': '[check]\nsingle_recipient=true\nreject_all=true\n[reject]\nall_bounces=true\n[main]\n' },
      dialogues: [
        { says: 'mail that is no bounce', sees: /^250 .*"bounce":\{"isa":false/ },
        { says: 'a bounce', from: '', sees: /^550 .*Bounces not accepted here/ },
      ],
    },
    clamd: {
      files: { 'clamd.ini': `[main]\nclamd_socket=127.0.0.1:${ports.clamd}\n[reject]\nvirus=true\n` },
      dialogues: [
        { says: 'a virus, by a real clamd', data: `${LETTER}${ports.eicar}\n`, sees: /^550 5\.7\.1 .*Eicar/i },
        { says: 'a clean message', sees: /^250 .*"clamd":\{"pass":\["clean"/ },
      ],
    },
    dcc: {
      files: { 'dcc.ini': `[dccifd]\nhost=127.0.0.1\nport=${ports.dcc}\n` },
      dialogues: [{ says: 'bulk', sees: /"dcc":\{|X-DCC/ }],
    },
    dkim: {
      dialogues: [
        { says: 'no signature', sees: /^250 .*"dkim":\{"skip":\["no\/bad signature"\]/ },
        {
          says: 'a signature whose key is not there',
          data: `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=no; h=From:Subject; bh=g3zLYH4xKxcPrHOD18z9YfpQcnk/GaJedfustWU5uGs=; b=AAAA\n${LETTER}`,
          sees: /^250 .*"dkim":\{.*(?:no key|example\.net)/,
        },
      ],
    },
    'dns-list': {
      files: {
        'dns-list.ini':
          '[main]\nperiodic_checks=0\nzones[]=dnsbl.test\nsearch=all\n[dnsbl.test]\ntype=block\nreject=true\nipv6=false\n',
      },
      dialogues: [
        { says: 'a listed client', sees: /^554 5\.7\.1 .*dnsbl\.test|"dns-list":\{.*dnsbl\.test/ },
        { says: 'another client', ip: '66.128.51.166', sees: /^250 / },
      ],
    },
    early_talker: {
      files: { 'early_talker.ini': '[main]\npause=0.1\n' },
      dialogues: [
        { says: 'a client that waits', sees: /^250 .*"early_talker":\{"pass":\["not_early"|^250 .*"early_talker"/ },
      ],
    },
    elasticsearch: {
      files: {
        'elasticsearch.ini': `[hosts]\nhost=http://127.0.0.1:${ports.elastic}\n[index]\ntransaction=smtp-transaction\nconnection=smtp-connection\n`,
      },
      dialogues: [{ says: 'what was accepted is indexed', patient: true, until: () => ports.indexed(), sees: /^250 / }],
    },
    esets: {
      files: { 'esets.ini': `[main]\ntmpdir=${ports.folder}\n` },
      dialogues: [{ says: 'no scanner is installed: later', sees: /^450 .*Virus scanner error/ }],
    },
    fcrdns: {
      dialogues: [
        { says: 'a name that leads back', sees: /^250 .*"fcrdns":\{.*"fcrdns":\["mail\.example\.net"\]/ },
        { says: 'no name', ip: '66.128.51.166', sees: /^250 .*"fcrdns":\{.*(?:no_rdns|has_rdns|fail|err)/ },
      ],
    },
    geoip: { dialogues: [{ says: 'no database is there: mail goes on', sees: /^250 / }] },
    greylist: {
      files: {
        ...shared,
        'greylist.ini': `[main]\ntext=Greylisted\n${own}db=11\n[period]\nblack=850\ngrey=90000\nwhite=3024000\n`,
      },
      dialogues: [{ says: 'a stranger has to wait', sees: /^450 4\.7\.1 |^450 4\.\d\.\d .*Greylisted/ }],
    },
    headers: {
      files: { 'headers.ini': '[reject]\nmissing_required=true\n' },
      dialogues: [
        {
          says: 'a message without Date',
          data: 'From: a@example.net\n\nx\n',
          sees: /^550 5\.7\.1 Required header 'Date' missing/,
        },
        { says: 'a good message', sees: /^250 .*"headers":\{"pass":/ },
      ],
    },
    'helo.checks': {
      files: {
        'helo.checks.ini': '[check]\nvalid_hostname=true\nbare_ip=true\n[reject]\nbare_ip=true\nvalid_hostname=true\n',
      },
      dialogues: [
        {
          says: 'an address for a name',
          helo: '66.128.51.165',
          sees: /^550 5\.7\.1 |"helo\.checks"|^250/,
        },
        { says: 'a name', sees: /^250 .*"helo\.checks":\{"pass":/ },
      ],
    },
    karma: {
      plugins: ['fcrdns', 'karma'],
      files: {
        ...shared,
        'karma.ini': `${own}[thresholds]\nnegative=-8\npositive=2\n[tarpit]\nmax=0\n[result_awards]\n001 = fcrdns | fcrdns | length | gt 0 | 3 | has a name | \n`,
      },
      dialogues: [{ says: 'it has a score, and awards', sees: /^250 .*"karma":\{.*"score":/ }],
    },
    'known-senders': {
      plugins: ['relay', 'fcrdns', 'known-senders'],
      files: {
        ...shared,
        'known-senders.ini': own,
        'relay.ini': '[relay]\nacl=true\n',
        relay_acl_allow: '66.128.51.166/32\n',
      },
      dialogues: [
        {
          says: 'ours write to them',
          ip: '66.128.51.166',
          from: 'bob@example.com',
          to: 'ann@example.net',
          sees: /^250 /,
        },
        {
          says: 'so they are known when they answer',
          to: 'bob@example.com',
          sees: /^250 .*"known-senders":\{.*"pass"/,
        },
      ],
    },
    limit: {
      files: {
        ...shared,
        'limit.ini': `${own}[recipients]\nenabled=true\n[rate_rcpt]\nenabled=true\ndefault=1/1d\n[main]\ntarpit_delay=0\n`,
      },
      dialogues: [
        { says: 'the first of a day', to: 'once@mx.test', sees: /^250 / },
        { says: 'the second of a day', to: 'once@mx.test', sees: /^4\d\d .*rate limit/ },
      ],
    },
    'mail_from.is_resolvable': {
      dialogues: [
        {
          says: 'a domain without MX',
          from: 'a@nowhere.test',
          sees: /^550 5\.\d\.\d |^450 4\.\d\.\d |"mail_from\.is_resolvable":\{.*fail/,
        },
        { says: 'a domain that is there', sees: /^250 .*"mail_from\.is_resolvable":\{"pass"/ },
      ],
    },
    messagesniffer: {
      files: { 'messagesniffer.ini': `[main]\nport=${ports.sniffer}\ntmpdir=${ports.folder}\n[gbudb]\nblack=reject\n` },
      dialogues: [{ says: 'a client in its bad books', sees: /^554 5\.7\.1 Poor GBUdb reputation/ }],
    },
    p0f: {
      files: { 'p0f.ini': `[main]\nsocket_path=${ports.p0f}\n` },
      dialogues: [{ says: 'the system of the client', sees: /^250 .*Linux/ }],
    },
    'qmail-deliverable': {
      files: { 'qmail-deliverable.ini': `[main]\ncheck_mail_from=true\nhost=127.0.0.1\nport=${ports.qmail}\n` },
      options: ROUTE,
      dialogues: [
        { says: 'a mailbox that is there', sees: /^250 .*\| bob@mx\.test \|/ },
        { says: 'one that is not', to: 'nobody@mx.test', sees: /^(?:250|550)/ },
      ],
    },
    'rcpt-ldap': {
      files: {
        host_list: 'mx.test\n',
        'rcpt_to.ldap.ini': `[main]\nserver=ldap://127.0.0.1:${ports.gone}\nbinddn=cn=x\nbindpw=x\nbasedn=dc=x\nobjectclass=x\n[mx.test]\nserver=ldap://127.0.0.1:${ports.gone}\nbinddn=cn=x\nbindpw=x\nbasedn=dc=x\nobjectclass=x\n`,
      },
      dialogues: [{ says: 'the directory is down: later', sees: /^450 4\.7\.1 Backend failure/ }],
    },
    'recipient-routes': {
      files: { ...shared, 'rcpt_to.routes.ini': '[redis]\nenabled=false\n[routes]\nbob@mx.test=10.0.0.1:25\n' },
      options: ROUTE,
      dialogues: [{ says: 'a recipient with a route', sees: /^250 .*"recipient-routes":\{"pass":\["file\.email"/ }],
    },
    redis: { files: shared, dialogues: [{ says: 'it connects', sees: /^250 / }] },
    relay: {
      files: { 'relay.ini': '[relay]\nacl=true\n', relay_acl_allow: '66.128.51.165/32\n' },
      options: { relay: { via: 'x' } },
      dialogues: [{ says: 'a client of the list relays', to: 'x@other.test', sees: /^250 .*"relay":\{"pass":\["acl"/ }],
    },
    rspamd: {
      files: { 'rspamd.ini': `[main]\nhost=127.0.0.1\nport=${ports.rspamd}\nadd_headers=always\n` },
      dialogues: [{ says: 'a real rspamd has an opinion', sees: /^250 .*"rspamd":\{.*"score":.*X-Rspamd-Score/s }],
    },
    spamassassin: {
      files: { 'spamassassin.ini': `[main]\nspamd_socket=127.0.0.1:${ports.spamd}\n` },
      dialogues: [{ says: 'a real spamd has an opinion', sees: /^250 .*"spamassassin":\{.*X-Spam-Status/s }],
    },
    spf: {
      files: { 'spf.ini': '[deny]\nmfrom_fail=true\n' },
      dialogues: [
        { says: 'a sender whose domain forbids it', from: 'a@example.org', sees: /^550 5\.7\.\d .*SPF/i },
        {
          says: 'a sender whose domain allows it',
          sees: /^250 .*"spf":\{.*"result":"Pass".*Authentication-Results: mx\.test.*spf=pass/s,
        },
      ],
    },
    uribl: {
      files: {
        'uribl.ini': '[main]\nmax_uris_per_list=20\n[uribl.test]\nbody=1\nenvfrom=1\nvalidate=^127\n',
        'uribl.excludes': '',
      },
      dialogues: [
        { says: 'a listed domain in the envelope', from: 'x@bad-example.com', sees: /^550 5\.7\.1 .*uribl\.test/ },
        {
          says: 'one in the body',
          data: `${LETTER}http://bad-example.com/x\n`,
          sees: /^550 5\.7\.1 .*bad-example\.com blacklisted in uribl\.test/,
        },
      ],
    },
  }
}
