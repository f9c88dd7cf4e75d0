/** Brings a report to all who are to get it: each once, whatever becomes of the others. */
import { type Address, parseAddress } from '@postroad/mail'
import type { Dns, Logger } from '@postroad/plugin'
import type { ReportDestination } from './destination.ts'
import { postReport } from './post.ts'
import { type ReportMail, writeReportMail } from './report-mail.ts'
import type { DueReport, RoundOutcome } from './rounds.ts'
import { type SubmissionOptions, submitReport } from './submission.ts'

/** What it needs. */
export interface CourierOptions {
  /** The server's own name. */
  readonly hostname: string
  readonly dns: Pick<Dns, 'a' | 'aaaa'>
  readonly log: Logger
  readonly from: Address
  /** Where mail is handed in; undefined: none is sent. */
  readonly submit: SubmissionOptions | undefined
  /** For web servers, as in `PostOptions`. */
  readonly ca?: string | undefined
  allows?(address: string): boolean
}

/** A report, ready to go. */
export interface MadeReport {
  readonly mail: Omit<ReportMail, 'from' | 'to' | 'date'>
  /** When it was made, in milliseconds since the epoch. */
  readonly date: number
}

type Fate = 'taken' | 'refused' | 'later'

/** Delivers. */
export class ReportCourier {
  readonly #options: CourierOptions
  /** Who has it already, while others are still to get it. */
  readonly #settled = new Map<string, Set<string>>()

  constructor(options: CourierOptions) {
    this.#options = options
  }

  /** `sent` when somebody has taken it and nobody is left to try again. */
  async deliver(
    { day, domain }: DueReport,
    made: MadeReport,
    { destinations, signal }: { readonly destinations: readonly ReportDestination[]; readonly signal: AbortSignal },
  ): Promise<RoundOutcome> {
    const key = `${day} ${domain}`
    const settled = this.#settled.get(key) ?? new Set()
    this.#settled.set(key, settled)
    let isLater = false
    let isSent = settled.has(SENT)
    for (const destination of destinations) {
      const name = destination.kind === 'mail' ? destination.address.toString() : destination.url.href
      if (settled.has(name)) continue
      const fate = await this.#bring(destination, { name, made, signal })
      isSent ||= fate === 'taken'
      if (fate === 'later') isLater = true
      else settled.add(name)
    }
    if (isSent) settled.add(SENT)
    if (isLater) return 'later'
    this.#settled.delete(key)
    return isSent ? 'sent' : 'nothing'
  }

  async #bring(
    destination: ReportDestination,
    { name, made, signal }: { readonly name: string; readonly made: MadeReport; readonly signal: AbortSignal },
  ): Promise<Fate> {
    const { mail } = made
    const about = { domain: mail.domain, to: name, id: mail.id, octets: mail.attachment.octets.length }
    const [fate, reason] =
      destination.kind === 'mail'
        ? await this.#send(destination, made, signal)
        : await this.#post(destination.url, made, signal)
    const { log } = this.#options
    if (fate === 'taken') log.info(about, 'a report was handed in')
    else
      log.warn({ ...about, reason }, fate === 'later' ? 'a report could not be handed in yet' : 'a report was not sent')
    return fate
  }

  async #send(
    { address, maxOctets }: Extract<ReportDestination, { readonly kind: 'mail' }>,
    { mail, date }: MadeReport,
    signal: AbortSignal,
  ): Promise<readonly [Fate, string?]> {
    const { submit, from, hostname } = this.#options
    if (submit === undefined) return ['refused', 'the option submit says nowhere']
    if (maxOctets !== undefined && mail.attachment.octets.length > maxOctets)
      return ['refused', `no more than ${maxOctets} octets are wanted`]
    const octets = writeReportMail({ ...mail, from: from.toString(), to: address.toString(), date })
    const reply = await submitReport({ at: submit, hostname, from, to: address, octets, signal })
    const fate = reply.code < 300 ? 'taken' : reply.code < 500 ? 'later' : 'refused'
    return [fate, `${reply.code} ${reply.text}`]
  }

  async #post(url: URL, { mail }: MadeReport, signal: AbortSignal): Promise<readonly [Fate, string?]> {
    const { dns, ca, allows = () => false } = this.#options
    const { type, octets } = mail.attachment
    const said = await postReport(url, { type, octets }, { dns, signal, ca, allows })
    return said === 'ok' ? ['taken'] : ['later', said]
  }
}

const SENT = ''

/** The address of an option whose schema has looked at it. */
export function addressOf(text: string): Address {
  const address = parseAddress(text)
  if (!address) throw new TypeError(`${text} is not an address`)
  return address
}
