/** The matrix as data that others can use: what each row is, what is expected, and what three mail servers did. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cell, lineOf, shownTlsa } from './cell.ts'
import type { Compared } from './run-oracle.ts'

/** A row after a run with oracles. */
export type PublishedRow = Cell & { readonly number: number } & Compared

/** Writes `tls-matrix.json`, `tls-matrix.csv` and `tls-matrix.md` to the folder. */
export function publish(rows: readonly PublishedRow[], folder: string): void {
  writeFileSync(join(folder, 'tls-matrix.json'), `[\n${rows.map((row) => JSON.stringify(plain(row))).join(',\n')}\n]\n`)
  writeFileSync(join(folder, 'tls-matrix.csv'), `${[HEAD, ...rows.map(lineOfRow)].join('\r\n')}\r\n`)
  writeFileSync(join(folder, 'tls-matrix.md'), page(rows))
}

/** Without what differs from run to run. */
function plain({ number, mx, address, tlsa, server, expected, source, seen, opinions }: PublishedRow) {
  const others = opinions.map(({ oracle, fate, isSame, reply, reason }) => [oracle, { fate, isSame, reply, reason }])
  return { number, mx, address, tlsa, server, expected, source, postroad: seen.shown, ...Object.fromEntries(others) }
}

const HEAD = 'number,mx,address,tlsa,chain,starttls,expected,source,postroad,postfix,exim,difference'

/** RFC 4180. */
function lineOfRow({ number, mx, address, tlsa, server, expected, source, seen, opinions }: PublishedRow): string {
  const fateBy = (name: string) => opinions.find(({ oracle }) => oracle === name)?.fate ?? ''
  const reasons = opinions.flatMap(({ oracle, reason }) => (reason === undefined ? [] : [`${oracle}: ${reason}`]))
  const fields = [
    number,
    mx,
    address,
    shownTlsa(tlsa),
    server.chain.join(' '),
    server.starttls,
    expected,
    source,
    seen.shown,
    fateBy('postfix'),
    fateBy('exim'),
    reasons.join('; '),
  ]
  return fields.map((field) => (/[",]/.test(String(field)) ? `"${String(field).replaceAll('"', '""')}"` : field)).join()
}

function page(rows: readonly PublishedRow[]): string {
  const different = rows.filter(({ opinions }) => opinions.some(({ isSame }) => !isSame))
  const count = (name: string) =>
    rows.filter(({ opinions }) => opinions.some(({ oracle, isSame }) => oracle === name && !isSame)).length
  return `# The matrix of TLS with mail hosts

Written by \`npm run matrix -- --zones oracle --publish docs\`; see [TLS with other servers](tls.md).

Each of ${rows.length} rows is a mail host as DNS and its TLS show it. One message is brought to it, and what must become of that follows from the paragraph that the row names. The zones are really signed, served by nsd and validated by unbound; beside Postroad,
Debian's Postfix 3.7 and Exim 4.96 bring the same message over the same DNS to the same host, with DANE switched on and nothing else changed. Postroad does what is expected in all rows, Postfix in ${rows.length - count('postfix')}, Exim in ${rows.length - count('exim')}.

The rows for your own mail server: [tls-matrix.csv](tls-matrix.csv), or with the servers' own words [tls-matrix.json](tls-matrix.json). Certificates by name are in \`test/tls/certificate.ts\`, what a state of DNS is in \`test/tls/cell.ts\` and how it is made in \`test/tls/real-zone.ts\`.

| Word | What has become of the message |
|---|---|
| \`clear\` | It went without TLS. |
| \`unauthenticated\` | It went under TLS, to whoever it was: nothing is published. \`tls\` of the other servers |
| \`encrypted\` | It went under TLS, which the records demand though none of them can be used. \`tls\` of the other servers |
| \`dane-ee\`, \`dane-ta\` | It went to the server of the records: by its own certificate, or by an authority. \`dane\` of the other servers |
| \`skipped\` | The host was left out, with the result type of RFC 8460 §4.3; the message waits. \`kept\` of the other servers |
| \`deferred\` | Nobody was connected to; the message waits. \`kept\` of the other servers |
| \`failed\` | It came back. |

## Where others differ

${different.map(entryOf).join('\n')}
`
}

function entryOf(row: PublishedRow): string {
  const said = row.opinions.flatMap(({ oracle, isSame, fate, reason = 'nobody knows why' }) =>
    isSame ? [] : [`  * ${oracle === 'exim' ? 'Exim' : 'Postfix'}: \`${fate}\`; ${reason}.`],
  )
  return [`* ${row.number}: ${lineOf(row).replaceAll(' | ', '; ')}`, ...said].join('\n')
}
