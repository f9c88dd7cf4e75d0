/** Plugins that come with Haraka itself, and names that have changed. */

/** Old names, and what they are called now. */
export const RENAMED: ReadonlyMap<string, string> = new Map([
  ['auth/auth_ldap', 'auth-ldap'],
  ['backscatterer', 'dns-list'],
  ['connect.asn', 'asn'],
  ['connect.fcrdns', 'fcrdns'],
  ['connect.geoip', 'geoip'],
  ['connect.p0f', 'p0f'],
  ['connect.rdns_access', 'access'],
  ['data.headers', 'headers'],
  ['data.nomsgid', 'headers'],
  ['data.noreceived', 'headers'],
  ['data.rfc5322_header_checks', 'headers'],
  ['data.uribl', 'uribl'],
  ['dkim_sign', 'dkim'],
  ['dkim_verify', 'dkim'],
  ['dnsbl', 'dns-list'],
  ['dnswl', 'dns-list'],
  ['log.syslog', 'syslog'],
  ['mail_from.access', 'access'],
  ['mail_from.blocklist', 'access'],
  ['mail_from.nobounces', 'bounce'],
  ['max_unrecognized_commands', 'limit'],
  ['rate_limit', 'limit'],
  ['rcpt_to.access', 'access'],
  ['rcpt_to.blocklist', 'access'],
  ['rcpt_to.ldap', 'rcpt-ldap'],
  ['rcpt_to.max_count', 'limit'],
  ['rcpt_to.qmail_deliverable', 'qmail-deliverable'],
  ['rdns.regexp', 'access'],
  ['relay_acl', 'relay'],
  ['relay_all', 'relay'],
  ['relay_force_routing', 'relay'],
])

/** Plugins that do what the server does itself, and what that is called here. */
export const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['tls', '`certificateFiles` of the listener'],
  ['xclient', '`xclient` of the listener'],
  ['toobusy', '`stress` of the listener'],
  ['status', '`postroad queue` and the plugin `admin`'],
  ['process_title', 'the process manager'],
  ['reseed_rng', 'nothing: Node seeds its random numbers'],
  ['profile', '`node --cpu-prof`'],
  ['delay_deny', '`refuseAt: "rcpt"` of the configuration, the default'],
  ['auth/auth_proxy', 'a hook `auth` of your own'],
  ['auth/auth_bridge', 'a hook `auth` of your own'],
  ['queue/smtp_forward', 'a route `{ via: "smtp", host, port }`, or the plugin `proxy`'],
  ['queue/smtp_proxy', 'the plugin `proxy`'],
  ['queue/smtp_bridge', 'the plugin `proxy`'],
  ['queue/lmtp', 'a route `{ via: "lmtp", host, port }`'],
  ['queue/deliver', 'the plugin `queue`'],
  ['queue/quarantine', 'the plugin `quarantine`'],
  ['queue/qmail-queue', 'a route `{ via: "smtp", host, port }` to qmail-smtpd'],
])

/** All that is published as `haraka-plugin-NAME`, for "did you mean". */
export const PUBLISHED: readonly string[] =
  'access aliases asn attachment auth-ldap avg bounce clamd dcc dkim dns-list early_talker elasticsearch esets fcrdns geoip graph greylist headers helo.checks karma known-senders limit mail_from.is_resolvable messagesniffer p0f qmail-deliverable rcpt-ldap recipient-routes redis relay rspamd spamassassin spf syslog uribl watch'.split(
    ' ',
  )
