/** What became of each plugin, as a table, and in the docs. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** One plugin. */
export interface Row {
  readonly name: string
  /** Empty: it runs. */
  readonly faults: readonly string[]
  readonly note: string
}

const PAGE = join(import.meta.dirname, '../../docs/coming-from-haraka.md')
const BEGIN = '<!-- written by `npm run haraka -- --write` -->'
const END = '<!-- end -->'

/** What is there in place of it; a plugin of this server where nothing else is said. */
const NATIVE: Readonly<Record<string, string>> = {
  access: 'access',
  aliases: 'routing',
  attachment: 'attachments',
  clamd: 'clamav',
  dkim: 'dkim',
  'dns-list': 'dnsbl',
  early_talker: '`greeting` of the listener, which sees who talks early; this plugin does not here',
  fcrdns: 'helo',
  greylist: 'greylist',
  headers: 'headers',
  'helo.checks': 'helo',
  karma: 'points and `thresholds`',
  limit: 'rate-limit',
  'recipient-routes': 'routing',
  'qmail-deliverable': 'recipients',
  'rcpt-ldap': 'recipients',
  redis: 'redis',
  relay: '`relay` of routing',
  rspamd: 'rspamd',
  spamassassin: 'spamassassin',
  spf: 'spf',
  uribl: 'urls',
}

/** With what they were played, where that is not the real thing. */
const STAND_INS: Readonly<Record<string, string>> = {
  avg: 'played against a stand-in of the scanner',
  'auth-ldap': 'played against a directory that is down',
  dcc: 'played against a stand-in of dccifd',
  elasticsearch: 'played against a stand-in',
  esets: 'played without the scanner, which is sold no more',
  geoip: 'played without a database, which has its own licence',
  messagesniffer: 'played against a stand-in',
  p0f: 'played against a stand-in',
  'qmail-deliverable': 'played against a stand-in; what it gives to `outbound` goes to the queue of this server',
  'rcpt-ldap': 'played against a directory that is down; it calls `rcpt.address()`, which Haraka 3.3 has no more',
}

/** Those that cannot run, and why. */
const CANNOT: Readonly<Record<string, string>> = {
  graph:
    'shows its figures in Haraka’s web server, which is not here, and keeps them with sqlite3, which scripts of its package fetch or compile: without that it does nothing. Telemetry has the figures',
  syslog:
    'needs modern-syslog, which is compiled when it is installed, and no scripts of packages are run here; tried by hand where it was compiled, it runs. The log of this server goes to the journal',
  watch: 'shows its page in Haraka’s web server, which is not here; the page of admin shows live sessions',
}

/** All that was played, and what was not. */
export function rowsOf(results: ReadonlyMap<string, readonly string[]>): readonly Row[] {
  const played = [...results].map(([name, faults]) => ({ name, faults, note: noteOf(name) }))
  const left =
    results.size < 30 ? [] : Object.entries(CANNOT).map(([name, why]) => ({ name, faults: [why], note: why }))
  return [...played, ...left].sort((a, b) => a.name.localeCompare(b.name))
}

/** As Markdown. */
export function shownTable(rows: readonly Row[]): string {
  const lines = rows.map(({ name, faults, note }) => {
    const runs = faults.length === 0 ? 'yes' : CANNOT[name] === undefined ? 'not as it should' : 'no'
    return `| \`${name}\` | ${runs} | ${NATIVE[name] ?? '–'} | ${note} |`
  })
  return ['| Plugin | Runs | In place of it | |', '|---|---|---|---|', ...lines].join('\n')
}

/** Puts it into the page. */
export function writeTable(rows: readonly Row[]): void {
  const page = readFileSync(PAGE, 'utf8')
  const [before = '', rest = ''] = page.split(BEGIN)
  const after = rest.slice(rest.indexOf(END))
  const runs = rows.filter(({ faults }) => faults.length === 0).length
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${runs} of ${rows.length} run.\n\n${shownTable(rows)}\n\n${after}`)
}

function noteOf(name: string): string {
  return STAND_INS[name] ?? ''
}
