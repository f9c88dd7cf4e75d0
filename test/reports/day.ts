/** Counts a day of a million messages for one kind of report in the embedded store, and prints what that took; day.test.ts runs a part of it in little memory. `node --conditions=@postroad/source test/reports/day.ts dmarc-report`: all of it. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dkim, Dmarc, Spf } from '@postroad/authres'
import type { TlsSession } from '@postroad/delivery'
import { embeddedServices } from '@postroad/embedded'
import { Store } from '@postroad/plugin'
import { ReportLedger } from '@postroad/report'
import { coarseRow, rowOf } from '../../plugins/dmarc-report/src/row.ts'
import { countedOf, textOfRow } from '../../plugins/tls-rpt/src/row.ts'

const MIB = 1_048_576
const MESSAGES = Number(process.argv[3] ?? 1_000_000)
/** A day has 1,440 minutes, and after each of them the counts are written down, or more are gathered. */
const A_MINUTE = Math.ceil(1_000_000 / 1_440)
const HOUR = 60
const DAY = Date.UTC(2026, 10, 29)

/** Few domains have most of the mail: of a number from 0 to 1, the rank of one of `count`. */
const skewed = (share: number, count: number): number => Math.floor(count * share ** 4)

/** Always the same numbers, and none of them near the last. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const next = random(1)

/** Octets of memory that are the process' own: pages of the store's file are the system's to take back. */
function anonymous(): number {
  const [, kibibytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return kibibytes === undefined ? process.memoryUsage().rss : Number(kibibytes) * 1_024
}

function microseconds({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}

function countMessage(ledger: ReportLedger, now: number): void {
  const domain = `d${skewed(next(), 20_000)}.example`
  const isPass = next() < 0.9
  const result = isPass ? 'pass' : 'fail'
  const dmarc: Dmarc = {
    result, domain, policyDomain: domain, policy: 'reject', aligned: isPass ? ['spf', 'dkim'] : [], override: undefined, comment: undefined,
    record: 'v=DMARC1; p=reject; rua=mailto:r@example.com', disposition: isPass ? 'none' : 'reject',
  } // biome-ignore format: short
  const spf: Spf = {
    mailFrom: { identity: 'mailfrom', result, domain, comment: undefined, explanation: undefined },
    helo: undefined,
  }
  const signature = {
    result,
    domain,
    selector: 's1',
    algorithm: 'rsa-sha256',
    identity: '',
    b: '',
    comment: undefined,
    unsigned: 0,
  } as const
  const dkim: Dkim = { signatures: [signature], ignored: 0 }
  const host = Math.floor(next() * 16)
  const row = rowOf({
    dmarc, dkim, spf, address: `192.0.2.${host}`, envelopeFrom: domain, envelopeTo: `r${host % 4}.example`, isRefused: !isPass,
  }) // biome-ignore format: short
  ledger.count(now, domain, { row, about: dmarc.record ?? '' })
}

function countSession(ledger: ReportLedger, now: number): void {
  const at = skewed(next(), 20_000)
  const session: TlsSession = {
    target: {
      protocol: 'smtp', host: `mx${at % 3}.d${at}.example`, address: '192.0.2.1', port: 25, domain: `d${at}.example`, tls: { mode: 'opportunistic' },
    },
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', policy: 'opportunistic' },
  } // biome-ignore format: short
  const counted = countedOf(session)
  if (counted) ledger.count(now, counted.domain, { row: textOfRow(counted.row) })
}

const counters = { 'dmarc-report': countMessage, 'tls-rpt': countSession } as const
const name = process.argv[2] === 'tls-rpt' ? 'tls-rpt' : 'dmarc-report'
const countOne = counters[name]
const folder = await mkdtemp(join(tmpdir(), 'postroad-day-'))
const embedded = embeddedServices(folder)
const store = embedded.services.find(({ service }) => service === Store)?.create() as Store // that is what it makes
const ledger = new ReportLedger({ name, store, coarsen: coarseRow })
const atFirst = anonymous()
let peak = 0
const costs: { readonly count: number; readonly written: number }[] = []
let sum = 0
let domains = 0
try {
  let spent = 0
  let counting = 0
  for (let done = 0, minute = 1; done < MESSAGES; done += A_MINUTE, minute++) {
    const now = DAY + Math.floor((done / MESSAGES) * 86_400_000)
    const start = process.cpuUsage()
    for (let at = 0; at < A_MINUTE; at++) countOne(ledger, now)
    counting += microseconds(process.cpuUsage(start))
    await ledger.flushAt(minute)
    spent += microseconds(process.cpuUsage(start))
    peak = Math.max(peak, anonymous() - atFirst)
    if (minute % HOUR !== 0) continue
    costs.push({ count: counting / (HOUR * A_MINUTE), written: spent / (HOUR * A_MINUTE) })
    spent = counting = 0
  }
  await ledger.flush()
  for (let share = 0; share < 32; share++) {
    for (const { rows } of (await ledger.read('2026-11-29', share)).values()) {
      domains++
      for (const count of rows.values()) sum += count
    }
    peak = Math.max(peak, anonymous() - atFirst)
  }
  const figures = {
    lost: Math.ceil(MESSAGES / A_MINUTE) * A_MINUTE - sum,
    domains,
    // Whatever else runs on the machine makes an hour dearer, and none cheaper.
    countUs: Math.min(...costs.map(({ count }) => count)),
    writtenUs: Math.min(...costs.map(({ written }) => written)),
    peakMb: peak / MIB,
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
} finally {
  await embedded.close()
  await rm(folder, { recursive: true })
}
