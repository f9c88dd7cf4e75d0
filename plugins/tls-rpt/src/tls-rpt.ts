/** Counts how TLS with mail hosts goes, and reports it once a day to the domains that ask for it, RFC 8460. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { TlsSession } from '@postroad/delivery'
import { networks } from '@postroad/options'
import { Clock, Dns, definePlugin, Lock, Store } from '@postroad/plugin'
import {
  addressOf,
  type DueReport,
  destinationsOf,
  ReportCourier,
  type ReportDestination,
  ReportLedger,
  ReportRounds,
  type RoundOutcome,
  rangeOf,
  reportCommands,
  type TlsReport,
  tagsOf,
  writeTlsReport,
} from '@postroad/report'
import { KEPT, parseKept, type StsPolicy } from '@postroad/tls-policy'
import { options as schema, type TlsRptOptions } from './options.ts'
import { describeTlsReport, policiesOf } from './report.ts'
import { coarseRow, countedOf, rowOfText, textOfRow } from './row.ts'

/** Sessions with next hops, and policies that could not be had: published by whoever connects, in this process. */
const SESSIONS = 'postroad:tls'

/** What was counted, by whomever: two generations of a server hear the same while one takes over from the other. */
const heard = new WeakSet<object>()

/**
 * Reports on TLS.
 *
 * @example app.use(dane()).use(mtaSts()).use(tlsRpt({ from: 'tls-reports@example.com', submit: { path: 'var/reports.sock' } })).use(queue())
 */
export const tlsRpt = definePlugin({
  name: 'tls-rpt',
  options: schema,
  needs: { store: Store, lock: Lock, clock: Clock, dns: Dns },
  setup({ options, store, lock, clock, dns, log, signal, hostname, rehearsal, resolve }) {
    const ledger = new ReportLedger({ name: 'tls-rpt', store, log, coarsen: coarseRow })
    const from = addressOf(options.from)
    const { submit } = options
    const path = submit?.path
    const reporter = new Reporter(options, {
      dns,
      store,
      clock,
      hostname,
      courier: new ReportCourier({
        hostname,
        dns,
        log,
        from,
        submit: submit && { ...submit, ...(path !== undefined && { path: resolve(path) }) },
        ca: options.ca,
        allows: networks(options.allow),
      }),
    })
    const send = (due: DueReport, stop: AbortSignal) => reporter.send(due, stop)
    const rounds = new ReportRounds({
      name: 'tls-rpt',
      ledger,
      lock,
      clock,
      log,
      hostname,
      spreadMs: options.spread,
      send,
    })
    const own = from.toString()
    const hear = (message: unknown): void => {
      const session = message as TlsSession // what the channel carries
      // RFC 8460 §3: sessions that bring reports are in none, or two servers would go on reporting them to each other for ever.
      if (session.target.from === own || heard.has(session)) return
      heard.add(session)
      const counted = countedOf(session)
      if (counted) ledger.count(clock.now(), counted.domain, { row: textOfRow(counted.row) })
    }
    let running: Promise<void> | undefined
    return {
      start() {
        if (rehearsal) return
        subscribe(SESSIONS, hear)
        running = rounds.run(signal)
      },
      async close() {
        unsubscribe(SESSIONS, hear)
        await running
        if (!rehearsal) await ledger.flush()
      },
      commands: reportCommands({
        ledger,
        clock,
        describe: sumsOf,
        document: async (due, stop) => {
          const report = await reporter.make(due, stop)
          return report && JSON.stringify(JSON.parse(writeTlsReport(report)), undefined, 2)
        },
        send,
      }),
    }
  },
})

function sumsOf(rows: ReadonlyMap<string, number>): { readonly sessions: number; readonly failed: number } {
  let [sessions, failed] = [0, 0]
  for (const [text, count] of rows) {
    sessions += count
    if (rowOfText(text).failure !== undefined) failed += count
  }
  return { sessions, failed }
}

interface ReporterServices {
  readonly dns: Dns
  readonly store: Store
  readonly clock: Clock
  readonly hostname: string
  readonly courier: ReportCourier
}

const pack = promisify(gzip)

/** Makes reports and has them delivered. */
class Reporter {
  readonly #services: ReporterServices
  readonly #options: TlsRptOptions
  readonly #submitter: string

  constructor(options: TlsRptOptions, services: ReporterServices) {
    this.#options = options
    this.#services = services
    this.#submitter = addressOf(options.from).domain
  }

  /** The report on a domain as it would be now; undefined where nothing was counted. */
  async make({ day, domain, rows }: DueReport, signal: AbortSignal): Promise<TlsReport | undefined> {
    const { hostname } = this.#services
    if (rows.size === 0) return undefined
    const { begin, end } = rangeOf(day)
    return {
      organization: this.#options.organization ?? this.#submitter,
      contact: this.#options.from,
      // The same for the same report, so that one that comes twice is known by it; another server's is another.
      id: `${day}.${domain}@${hostname}`,
      begin,
      end: end - 1_000,
      policies: policiesOf(domain, rows, await this.#stsOf(domain, signal)),
    }
  }

  async #stsOf(domain: string, signal: AbortSignal): Promise<StsPolicy | undefined> {
    try {
      return parseKept(await this.#services.store.get(KEPT + domain, signal))?.policy
    } catch {
      return undefined // the report says less, and is sent all the same
    }
  }

  async send(due: DueReport, signal: AbortSignal): Promise<RoundOutcome> {
    const { courier, clock } = this.#services
    const { day, domain } = due
    const destinations = await this.#destinations(domain, signal)
    if (destinations === 'later') return destinations
    const report = destinations.length === 0 ? undefined : await this.make(due, signal)
    if (report === undefined) return 'nothing'
    const { begin, end, id } = report
    const submitter = this.#submitter
    const name = `${submitter}!${domain}!${begin / 1_000}!${end / 1_000}!${id.replaceAll(/[^A-Za-z0-9]/g, '')}.json.gz`
    const octets = await pack(writeTlsReport(report))
    const mail = {
      domain,
      submitter,
      id,
      reportType: 'tlsrpt',
      fields: [
        ['TLS-Report-Domain', domain],
        ['TLS-Report-Submitter', submitter],
        // RFC 8460 §3: it is about TLS that fails, so it is not to fail because of that. RFC 8689 §3.
        ['TLS-Required', 'No'],
      ],
      text: describeTlsReport(report, domain, day),
      attachment: { type: 'application/tlsrpt+gzip', name, octets },
    } as const
    return await courier.deliver(due, { mail, date: clock.now() }, { destinations, signal })
  }

  /** RFC 8460 §3: of exactly one record. `later`: DNS does not answer. */
  async #destinations(domain: string, signal: AbortSignal): Promise<readonly ReportDestination[] | 'later'> {
    try {
      const { records } = await this.#services.dns.txt(`_smtp._tls.${domain}`, signal)
      const [record, ...more] = records.filter((text) => /^v=TLSRPTv1[ \t]*;/.test(text))
      return record === undefined || more.length > 0 ? [] : destinationsOf(tagsOf(record).get('rua') ?? '')
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      return code === 'NODATA' || code === 'NXDOMAIN' ? [] : 'later'
    }
  }
}
