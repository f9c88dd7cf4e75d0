/** Counts what DMARC found out about messages, and reports it once a day to the domains that ask for it, RFC 9990. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type Dmarc, dkimFact, dmarcFact, spfFact } from '@postroad/authres'
import { AddressTable } from '@postroad/options'
import { type Address, Clock, Dns, definePlugin, type HookContext, Lock, Store } from '@postroad/plugin'
import {
  addressOf,
  type DmarcReport,
  type DueReport,
  ReportCourier,
  ReportLedger,
  ReportRounds,
  type RoundOutcome,
  rangeOf,
  reportCommands,
  tagsOf,
  writeDmarcReport,
} from '@postroad/report'
import { wantedBy } from './destination.ts'
import { type DmarcReportOptions, options as schema } from './options.ts'
import { describeDmarcReport, publishedOf, recordsOf } from './report.ts'
import { coarseRow, rowOf, rowOfText } from './row.ts'

const GENERATOR = 'Postroad'

/** What of an envelope counts. */
interface SeenEnvelope {
  readonly from: Address | undefined
  readonly recipients: readonly { readonly address: Address }[]
}

/**
 * Aggregate reports on DMARC. Goes into the scope of `dmarc`.
 *
 * @example mx.use(spf()).use(dkim()).use(dmarc()).use(dmarcReport({ from: 'dmarc-reports@example.com', submit: { path: 'var/reports.sock' } }))
 */
export const dmarcReport = definePlugin({
  name: 'dmarc-report',
  options: schema,
  needs: { store: Store, lock: Lock, clock: Clock, dns: Dns },
  setup({ options, store, lock, clock, dns, log, signal, hostname, rehearsal, resolve }) {
    const ledger = new ReportLedger({
      name: 'dmarc-report',
      store,
      log,
      maxRows: options.maxRows,
      coarsen: coarseRow,
    })
    const from = addressOf(options.from)
    const ignored = new AddressTable([options.from, ...options.ignore].map((pattern) => [pattern, true]))
    const { submit } = options
    const path = submit?.path
    const reporter = new Reporter(options, {
      dns,
      clock,
      hostname,
      courier: new ReportCourier({
        hostname,
        dns,
        log,
        from,
        submit: submit && { ...submit, ...(path !== undefined && { path: resolve(path) }) },
      }),
    })
    const send = (due: DueReport, stop: AbortSignal) => reporter.send(due, stop)
    const rounds = new ReportRounds({
      name: 'dmarc-report',
      ledger,
      lock,
      clock,
      log,
      hostname,
      spreadMs: options.spread,
      send,
    })
    // One message may be refused for each of its recipients.
    const counted = new WeakSet<Dmarc>()
    const count = ({ find, session }: HookContext, envelope: SeenEnvelope, isRefused: boolean): void => {
      const found = find(dmarcFact)
      // Without a policy there is nobody to be told; without a word of ours the message is to come again.
      if (found?.policyDomain === undefined || found.record === undefined || found.disposition === undefined) return
      if (!found.record.includes('rua') || counted.has(found)) return
      counted.add(found)
      const { recipients } = envelope
      // Reports on mail that brings reports would go on for ever.
      if (recipients.length > 0 && recipients.every(({ address }) => ignored.find(address) !== undefined)) return
      const row = rowOf({
        dmarc: found,
        dkim: find(dkimFact),
        spf: find(spfFact),
        address: session.remote.address,
        envelopeFrom: envelope.from?.domain ?? '',
        envelopeTo: recipients[0]?.address.domain,
        isRefused,
      })
      ledger.count(clock.now(), found.policyDomain, { row, about: found.record })
    }
    let running: Promise<void> | undefined
    return {
      // Whoever comes as far as this is not refused; what then becomes of the message is not DMARC's business.
      ...(!rehearsal && {
        rewrite: {
          changes: 'seal',
          after: ['arc', 'dkim-sign'],
          handler: (context): undefined => count(context, context.envelope, false) as undefined,
        },
        refused(context) {
          const { hook, refusal, envelope } = context
          if (hook === 'message' && refusal.kind === 'reject' && envelope) count(context, envelope, true)
        },
      }),
      start() {
        if (!rehearsal) running = rounds.run(signal)
      },
      async close() {
        await running
        if (!rehearsal) await ledger.flush()
      },
      commands: reportCommands({
        ledger,
        clock,
        describe: sumsOf,
        document: async (due) => {
          const report = reporter.make(due)
          return report && writeDmarcReport(report)
        },
        send,
      }),
    }
  },
})

function sumsOf(rows: ReadonlyMap<string, number>): { readonly messages: number; readonly failed: number } {
  let [messages, failed] = [0, 0]
  for (const [text, count] of rows) {
    const { dkim, spf } = rowOfText(text)
    messages += count
    if (dkim === 'fail' && spf === 'fail') failed += count
  }
  return { messages, failed }
}

interface ReporterServices {
  readonly dns: Dns
  readonly clock: Clock
  readonly hostname: string
  readonly courier: ReportCourier
}

const pack = promisify(gzip)

/** Makes reports and has them delivered. */
class Reporter {
  readonly #services: ReporterServices
  readonly #options: DmarcReportOptions
  readonly #submitter: string

  constructor(options: DmarcReportOptions, services: ReporterServices) {
    this.#options = options
    this.#services = services
    this.#submitter = addressOf(options.from).domain
  }

  /** The report on a domain as it would be now; undefined where nothing was counted. */
  make({ day, domain, about, rows }: DueReport): DmarcReport | undefined {
    const { hostname } = this.#services
    const records = recordsOf(rows)
    if (records.length === 0) return undefined
    const { begin, end } = rangeOf(day)
    return {
      organization: this.#options.organization ?? this.#submitter,
      email: this.#options.from,
      // The same for the same report, so that one that comes twice is known by it; another server's is another.
      id: `${day}.${domain}@${hostname}`,
      begin,
      end: end - 1_000,
      generator: GENERATOR,
      errors: [],
      published: publishedOf(domain, about),
      records,
    }
  }

  async send(due: DueReport, signal: AbortSignal): Promise<RoundOutcome> {
    const { courier, clock, dns } = this.#services
    const { day, domain, about } = due
    let destinations: Awaited<ReturnType<typeof wantedBy>>
    try {
      destinations = await wantedBy(domain, tagsOf(about).get('rua') ?? '', { dns, signal })
    } catch (error) {
      if (error instanceof Error && 'code' in error) return 'later'
      throw error
    }
    const report = destinations.length === 0 ? undefined : this.make(due)
    if (report === undefined) return 'nothing'
    const { begin, end, id } = report
    const submitter = this.#submitter
    const unique = id.replaceAll(/[^A-Za-z0-9]/g, '')
    const mail = {
      domain,
      submitter,
      id,
      fields: [],
      text: describeDmarcReport(report, day),
      attachment: {
        type: 'application/gzip',
        name: `${submitter}!${domain}!${begin / 1_000}!${end / 1_000}!${unique}.xml.gz`,
        octets: await pack(writeDmarcReport(report)),
      },
    } as const
    return await courier.deliver(due, { mail, date: clock.now() }, { destinations, signal })
  }
}
