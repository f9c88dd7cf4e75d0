/** Names of plugins of Haraka: what they are called now, and which of them this server does not need. */

const RENAMED: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'auth/auth_ldap': 'auth-ldap',
    backscatterer: 'dns-list',
    'connect.asn': 'asn',
    'connect.fcrdns': 'fcrdns',
    'connect.geoip': 'geoip',
    'connect.p0f': 'p0f',
    'connect.rdns_access': 'access',
    'data.headers': 'headers',
    'data.nomsgid': 'headers',
    'data.noreceived': 'headers',
    'data.rfc5322_header_checks': 'headers',
    'data.uribl': 'uribl',
    dkim_sign: 'dkim',
    dkim_verify: 'dkim',
    dnsbl: 'dns-list',
    dnswl: 'dns-list',
    'log.syslog': 'syslog',
    'mail_from.access': 'access',
    'mail_from.blocklist': 'access',
    'mail_from.nobounces': 'bounce',
    max_unrecognized_commands: 'limit',
    rate_limit: 'limit',
    'rcpt_to.access': 'access',
    'rcpt_to.blocklist': 'access',
    'rcpt_to.ldap': 'rcpt-ldap',
    'rcpt_to.max_count': 'limit',
    'rcpt_to.qmail_deliverable': 'qmail-deliverable',
    'rdns.regexp': 'access',
    relay_acl: 'relay',
    relay_all: 'relay',
    relay_force_routing: 'relay',
  }),
)

/** What the server does by itself, and where. */
export const SERVER_DOES: ReadonlyMap<string, string> = new Map([
  ['tls', 'STARTTLS: `certificateFiles` of the listener'],
  ['toobusy', 'the listener knows when it is near its limits: `stress`'],
  ['xclient', '`xclient` of the listener: name the addresses of config/xclient.hosts there'],
  ['delay_deny', '`refuseAt: "rcpt"`, the default: what connect, helo and mail refuse is said at RCPT'],
  ['early_talker', '`greeting.waitMs` of the listener: who speaks before the banner is refused'],
  ['process_title', 'not needed'],
  ['reseed_rng', 'not needed: Node does that'],
  ['status', '`postroad queue stats`, and the plugin admin'],
  ['profile', '`node --cpu-prof`'],
  ['syslog', 'lines go to standard output, and so to the journal'],
  ['watch', 'the page of the plugin admin'],
  ['graph', 'figures of the plugin telemetry'],
  ['redis', 'plugins of Haraka connect by themselves; for plugins of this server: @postroad/redis'],
])

const PUBLISHED: ReadonlySet<string> = new Set(
  'access aliases asn attachment auth-ldap avg bounce clamd dcc dkim dns-list early_talker elasticsearch esets fcrdns geoip graph greylist headers helo.checks karma known-senders limit mail_from.is_resolvable messagesniffer p0f qmail-deliverable rcpt-ldap recipient-routes redis relay rspamd spamassassin spf syslog uribl watch'.split(
    ' ',
  ),
)

/** As it is called now, without the prefix of its package. */
export function newName(line: string): string {
  const name = line.replace(/^haraka-plugin-/, '')
  return RENAMED.get(name) ?? name
}

/** Whether it is a package of its own. */
export function isPublished(name: string): boolean {
  return PUBLISHED.has(name)
}
