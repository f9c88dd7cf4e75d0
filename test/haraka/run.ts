/** `npm run haraka`: every published plugin of Haraka, from npm, played in this server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startRedis } from '../cluster/redis.ts'
import { startClamd } from '../interop/clamd.ts'
import { EICAR } from '../interop/eicar.ts'
import { startRspamd } from '../interop/rspamd-daemon.ts'
import { startSpamd } from '../interop/spamd.ts'
import { requires } from '../runner/requires.ts'
import { compare } from './differential.ts'
import { installPlugins } from './install.ts'
import { answering, avg, dcc, gone, listening, p0f, sniffer } from './peers.ts'
import { play } from './play.ts'
import { playedWith, ZONE } from './played.ts'
import { playSuites } from './suites.ts'
import { type Row, rowsOf, shownTable, writeTable } from './table.ts'
import { VERSIONS } from './versions.ts'
import { serveZone } from './zone.ts'

const HELP = `npm run haraka -- [NAME…] [--suites FOLDER] [--differential COUNT] [--write]

Installs every published plugin of Haraka from npm (none of their scripts is run) and plays each through its main dialogues in
this server, with real Redis, clamd, spamd and rspamd; needs Debian and root for those. Prints a table; exit code 0: at least 33 run.
--suites FOLDER runs the tests of the plugins themselves, from checkouts in FOLDER, on the objects of this server.
--differential COUNT plays COUNT dialogues (200, say) against Haraka itself and this server, with the same plugins and files; exit code 0 when
each difference has a reason, which is printed.
--write puts the table into docs/coming-from-haraka.md.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    suites: { type: 'string' },
    differential: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(HELP)
else {
  // What a plugin throws in a callback of a socket ends Haraka; the server has a guard for that, and so has this.
  process.on('uncaughtException', (error) => process.stdout.write(`  thrown outside of any hook: ${error.stack}\n`))
  process.exit(
    await main().catch((error: Error) => {
      process.stderr.write(`${error.message}\n`)
      return 1
    }),
  )
}

async function main(): Promise<number> {
  const home = await installPlugins()
  if (values.suites !== undefined) return playSuites(values.suites, home, positionals)
  if (values.differential !== undefined) return playBoth(Number(values.differential), home)
  const rows = await playAll(home)
  process.stdout.write(`${shownTable(rows)}\n`)
  const runs = rows.filter(({ faults }) => faults.length === 0).length
  process.stdout.write(`${runs} of ${rows.length} run\n`)
  for (const { name, faults } of rows) for (const fault of faults) process.stdout.write(`  ${name}: ${fault}\n`)
  if (values.write) writeTable(rows)
  return positionals.length > 0 ? (runs === rows.length ? 0 : 1) : runs >= 33 ? 0 : 1
}

async function playAll(home: string): Promise<readonly Row[]> {
  const skip = requires('redis-server', 'clamav-daemon', 'spamd', 'rspamd')
  if (skip !== false) throw new Error(skip)
  const folder = mkdtempSync(join(tmpdir(), 'pr-peers-'))
  const socket = join(folder, 'p0f.sock')
  await using redis = await startRedis()
  await using clamd = await startClamd()
  await using spamd = await startSpamd()
  // It starts slowly on a machine that is busy, and gives up then.
  await using rspamd = await startRspamd().catch(() => startRspamd())
  await using scanner = await listening(avg)
  await using bulk = await listening(dcc)
  await using reputation = await listening(sniffer)
  await using fingerprint = await listening(p0f, socket)
  await using directory = await listening(gone)
  await using qmail = await answering(({ url = '' }) => ({ body: url.includes('nobody') ? '0' : '241' }))
  await using elastic = await answering(() => ({
    body: '{"result":"created","_index":"x","version":{"number":"8.0.0"}}',
  }))
  await using _zone = await serveZone(ZONE)
  void fingerprint
  const played = playedWith({
    redis: redis.port,
    clamd: clamd.port,
    spamd: spamd.port,
    rspamd: rspamd.port,
    avg: scanner.port,
    dcc: bulk.port,
    sniffer: reputation.port,
    p0f: socket,
    qmail: qmail.port,
    elastic: elastic.port,
    indexed: () => elastic.heard.some((line) => line.includes('smtp-transaction')),
    gone: directory.port,
    folder,
    eicar: EICAR.toString(),
  })
  const results = new Map<string, readonly string[]>()
  try {
    for (const full of Object.keys(VERSIONS)) {
      const name = full.replace('haraka-plugin-', '')
      const one = played[name]
      if (!one || (positionals.length > 0 && !positionals.includes(name))) continue
      results.set(name, await play(name, one, home))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return rowsOf(results)
}

async function playBoth(count: number, home: string): Promise<number> {
  if (!Number.isSafeInteger(count) || count < 1) throw new Error('--differential takes a whole number')
  const { replies, kept, differences } = await compare(count, home)
  const reasons = new Map<string, number>()
  for (const { reason } of differences) if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  const unknown = differences.filter(({ reason }) => reason === undefined)
  process.stdout.write(
    `${count} dialogues, ${replies} replies, ${kept} messages queued by Haraka; ${differences.length} dialogues differ, ${unknown.length} without a reason\n`,
  )
  for (const [reason, times] of reasons) process.stdout.write(`  ${String(times).padStart(4)} × ${reason}\n`)
  for (const one of unknown) process.stdout.write(`  ${JSON.stringify(one).slice(0, 1_500)}\n`)
  return unknown.length === 0 ? 0 : 1
}
