/** Who may write to the addresses of bounces, and what is read there. */
import { parseAddress, sameMailbox } from '@postroad/mail'
import type { TokenKeys } from '@postroad/options'
import {
  type Address,
  type CommandOpinion,
  defer,
  type Feedback,
  type Message,
  reject,
  type Store,
} from '@postroad/plugin'
import { layTo } from './lay.ts'
import { sentByField } from './loop.ts'
import type { BouncesOptions } from './options.ts'
import { readReport } from './report/read.ts'
import type { MailReport } from './report/report.ts'
import { findSent, type SentMessage } from './sent.ts'
import type { BounceAddress, OpenedToken } from './token.ts'

const DAY = 86_400_000
/** When the plugin began to mark mail; of mail before that bounces have no mark. */
const SINCE = 'bounces:since'
/** Tokens in one report that are looked up. */
const TOKENS = 10

/** What the receiving works with. */
export interface ReceivingDeps {
  readonly options: BouncesOptions
  readonly address: BounceAddress
  readonly keys: TokenKeys
  readonly store: Store
  isSender(address: Address): boolean
}

/** Judges who comes, and reads. */
export class Receiving {
  readonly #deps: ReceivingDeps
  readonly #complaints: readonly Address[]

  constructor(deps: ReceivingDeps) {
    this.#deps = deps
    const { complaints, cfbl } = deps.options
    this.#complaints = [...complaints, cfbl ?? []]
      .flat()
      .flatMap((text) => parseAddress(text, { smtputf8: true }) ?? [])
  }

  /** Writes down since when mail is marked, if nobody has; resolves to that time. */
  async begin(now: number, signal: AbortSignal): Promise<number> {
    return Number(await this.#deps.store.setIfAbsent(SINCE, String(now), undefined, signal))
  }

  /** Whether mail to this address is for us: it has a token, or is one for complaints. */
  isOwn(recipient: Address): boolean {
    return (this.#deps.address.tokenOf(recipient) ?? '') !== '' || this.#isForComplaints(recipient)
  }

  /** What is said at RCPT; undefined: nothing. What cannot be known now is no reason to refuse. */
  async judge(
    asked: { readonly recipient: Address; readonly from: Address | undefined; readonly isOwn: boolean },
    now: number,
    signal: AbortSignal,
  ): Promise<CommandOpinion | undefined> {
    const { recipient, from, isOwn } = asked
    if (this.#isForComplaints(recipient)) return undefined
    const token = this.#deps.address.tokenOf(recipient)
    if (token !== undefined) return this.#judgeToken(token, now)
    const isBounce = from === undefined && !isOwn && this.#deps.options.strict && this.#deps.isSender(recipient)
    return isBounce ? this.#judgeUnmarked(now, signal) : undefined
  }

  /** What a message says of mail that was sent; undefined: it is no report. Rejects when the store cannot say. */
  async read(message: Message, own: readonly Address[], signal: AbortSignal): Promise<readonly Feedback[] | undefined> {
    const report = await readReport(message)
    return report && layTo(await this.#sentOf(report, own, signal), report)
  }

  /** Whom mail to this address would go to if it were not ours: the reverse-path of what was sent. */
  async senderOf(own: Address, signal: AbortSignal): Promise<Address | undefined> {
    const from = (await this.#sentWith(this.#deps.address.tokenOf(own), signal))?.from
    return from === undefined ? undefined : parseAddress(from, { smtputf8: true })
  }

  /** By the address that it came to, else by a token in what it brings back. */
  async #sentOf(report: MailReport, own: readonly Address[], signal: AbortSignal): Promise<SentMessage | undefined> {
    const { address } = this.#deps
    const within = `${report.mailFrom ?? ''}\n${report.returned ?? ''}`
    const tokens = [...own.flatMap((one) => address.tokenOf(one) || []), ...address.tokensIn(within, TOKENS)]
    for (const token of tokens) {
      const sent = await this.#sentWith(token, signal)
      if (sent) return sent
    }
    return report.returned === undefined ? undefined : sentByField(report.returned, this.#deps.keys)
  }

  async #sentWith(token: string | undefined, signal: AbortSignal): Promise<SentMessage | undefined> {
    const opened = token ? await this.#open(token) : undefined
    return opened && findSent(this.#deps.store, opened.serial, signal)
  }

  async #open(token: string): Promise<OpenedToken | undefined> {
    return this.#deps.address.open(token, await this.#deps.keys.all())
  }

  async #judgeToken(token: string, now: number): Promise<CommandOpinion | undefined> {
    const { keys, address, options } = this.#deps
    let known: Awaited<ReturnType<TokenKeys['all']>>
    try {
      known = await keys.all()
    } catch {
      // The log has it from whoever sends; a bounce that comes again loses nothing.
      return defer('Bounces cannot be checked at the moment, try again later', { status: '4.3.5', code: 451 })
    }
    const opened = address.open(token, known)
    if (!opened) return reject('No mail was sent from this address', { status: '5.1.1' })
    // The day is that of the attempt, which may have been at its end.
    if (now - opened.at > options.life + DAY)
      return reject('This address is not in use any more: the mail was sent too long ago', { status: '5.1.1' })
    return undefined
  }

  async #judgeUnmarked(now: number, signal: AbortSignal): Promise<CommandOpinion | undefined> {
    if (now - (await this.begin(now, signal)) <= this.#deps.options.life) return undefined
    return reject('This bounce is of mail that was not sent from here', { status: '5.7.1' })
  }

  #isForComplaints(recipient: Address): boolean {
    return this.#complaints.some((one) => sameMailbox(one, recipient, { foldCase: true }))
  }
}
