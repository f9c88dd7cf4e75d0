/**
 * One session of a client, as one milter hears of it. Each moment at which it is asked first catches up on what it was not told yet: so it does
 * not matter at which of them it is asked, and which of them an operator's `when` leaves out. What it says is said one after the other, also
 * where the server goes on before a handler has answered.
 */
import { MilterError } from '@postroad/milter-protocol'
import {
  ContentSplitter,
  type FilterAddress,
  type FilterClocks,
  type FilterDecision,
  FilterDialogue,
} from '@postroad/milter-protocol/client'
import {
  type Address,
  type Envelope,
  type Helo,
  type Recipient,
  type ReverseDns,
  type Session,
  textOf,
} from '@postroad/plugin'
import { clientOf, mailWords, pathOf, rcptWords } from './envelope.ts'
import { macrosOf } from './macros.ts'

/** What a milter hears of, at a hook. */
export interface Shown {
  readonly session: Session
  readonly reverse: ReverseDns | undefined
  readonly helo?: Helo | undefined
  readonly envelope?: Envelope | undefined
}

/** As {@link Shown}, from MAIL on. */
export interface ShownEnvelope extends Shown {
  readonly envelope: Envelope
}

/** How a milter is spoken to. */
export interface MilterConversationOptions {
  readonly at: FilterAddress
  readonly version: number
  readonly clocks: FilterClocks
  readonly hostname: string
  readonly macros: ReadonlyMap<string, string>
}

/** What it has heard of a message. */
interface Told {
  readonly id: string
  /** Those whom it has taken, and those whom it has refused with what it said. */
  readonly recipients: Map<string, FilterDecision>
  isDataSaid: boolean
  /** Its decision about the whole message, before its end. */
  decision: FilterDecision | undefined
  /** The content on its way to it. */
  splitter: ContentSplitter | undefined
  /** What it is shown is what arrives, not what others have made of it. */
  isStream: boolean
}

const CONTINUE: FilterDecision = { kind: 'continue' }
/** Milliseconds for which a milter that failed before there was a message is not asked again in the session. */
const PAUSE = 10_000

/** What a milter and this server say to each other about one session. */
export class MilterConversation {
  readonly #options: MilterConversationOptions
  #dialogue: FilterDialogue | undefined
  /** Work is done in the order in which it was asked for. */
  #turn: Promise<unknown> = Promise.resolve()
  /** Why it cannot be asked about this message any more. */
  #failure: MilterError | undefined
  /** The last failure, which may be of a message before this one. */
  #known: MilterError | undefined
  /** When the milter failed before there was a message, by `performance.now()`. */
  #failedGreetingAt = Number.NEGATIVE_INFINITY
  #isClosed = false
  #isConnectSaid = false
  /** The name that it has heard of. */
  #helo: string | undefined
  /** Its decisions about the connection and the name: they hold for all that follows. */
  #ofConnection: FilterDecision | undefined
  #ofHelo: FilterDecision | undefined
  #told: Told | undefined

  constructor(options: MilterConversationOptions) {
    this.#options = options
  }

  /** The dialogue, for the end of a message. @throws {MilterError} when there is none */
  get dialogue(): FilterDialogue {
    if (this.#dialogue && !this.#dialogue.isOver) return this.#dialogue
    throw this.#failure ?? new MilterError('the session is over')
  }

  /** Why nothing can be asked about the message; undefined while something can. */
  get failure(): MilterError | undefined {
    return this.#failure
  }

  /**
   * Runs `work` when all before it is done.
   *
   * @param signal when it fires, the milter has had its time: what is under way fails
   * @throws {MilterError} when the milter fails: it is not asked about this message any more
   */
  run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(async () => {
      const stop = (): void => this.#dialogue?.fail(new MilterError('its time is up'))
      if (signal?.aborted) throw new MilterError('its time is up')
      signal?.addEventListener('abort', stop)
      try {
        return await work()
      } catch (error) {
        // What was known already has its place.
        const isKnown = error instanceof MilterError && error === this.#known
        const failure = isKnown ? error : new MilterError(`${this.#place}: ${textOf(error)}`, { cause: error })
        if (!isKnown) this.#failedGreetingAt = this.#told === undefined ? performance.now() : Number.NEGATIVE_INFINITY
        this.#known = failure
        this.#failure = failure
        this.#dialogue?.fail(failure)
        throw failure
      } finally {
        signal?.removeEventListener('abort', stop)
      }
    })
    // Who waits for its turn does not care what became of the others.
    this.#turn = run.then(ignore, ignore)
    return run
  }

  /** The connection, and with `helo` the name. Its decision, which may be an older one. */
  async greet(shown: Shown, isNewName: boolean): Promise<FilterDecision> {
    if (this.#isClosed) throw new MilterError('the session is over')
    // It has failed before, and `onError` was asked: once is enough until there is mail.
    if (this.#failure) return CONTINUE
    const settled = settledBy(this.#ofConnection)
    if (settled) return settled
    if (!this.#dialogue || this.#dialogue.isOver) await this.#open()
    if (!this.#isConnectSaid) {
      this.#isConnectSaid = true
      this.#ofConnection = await this.dialogue.connect(clientOf(shown.session, shown.reverse), this.#macros(shown))
      const refused = settledBy(this.#ofConnection)
      if (refused) return refused
    }
    const name = shown.helo?.name ?? shown.session.helo?.name ?? ''
    // A client that never said a name has none to be told.
    if (name !== '' && (isNewName || name !== this.#helo)) {
      this.#helo = name
      // RFC 5321 §4.1.4: EHLO ends what was begun.
      if (isNewName) this.#abort()
      this.#ofHelo = await this.dialogue.helo(name, this.#macros(shown))
    }
    return settledBy(this.#ofHelo) ?? CONTINUE
  }

  /** A verb that this server does not know. Its decision, where it has one of its own. */
  async unknown(shown: Shown, command: string): Promise<FilterDecision> {
    const greeted = await this.greet(shown, false)
    return greeted.kind !== 'continue' || this.#failure ? greeted : this.dialogue.unknown(command)
  }

  /** The envelope so far. Its decision about the message. */
  async mail(shown: ShownEnvelope): Promise<FilterDecision> {
    const { envelope } = shown
    const isNew = this.#told?.id !== envelope.id
    if (!isNew && this.#failure) throw this.#failure
    if (isNew) {
      this.#begin(envelope.id)
      // It has failed a moment ago, at the connection or HELO of this very client: to try again would only take its time again.
      if (this.#known && performance.now() - this.#failedGreetingAt < PAUSE) throw this.#known
    }
    const told = this.#told as Told // it was just made
    const greeted = await this.greet(shown, false)
    if (greeted.kind !== 'continue') return greeted
    if (isNew) {
      const words = mailWords(envelope.parameters)
      told.decision = await this.dialogue.mail(pathOf(envelope.from), words, this.#macros(shown))
    }
    return settledBy(told.decision) ?? CONTINUE
  }

  /** One recipient more. Its decision about it, or about the message. */
  async rcpt(
    shown: ShownEnvelope,
    recipient: Recipient & { readonly route?: { readonly via: string; readonly host?: string } },
  ) {
    const before = await this.mail(shown)
    if (before.kind !== 'continue') return before
    const told = this.#told as Told // MAIL was said
    const { address, parameters, route } = recipient
    const macros = this.#macros(shown, { address, via: route?.via, host: route?.host })
    const decision = await this.dialogue.rcpt(pathOf(address), rcptWords(parameters), macros)
    told.recipients.set(keyOf(address), decision)
    // To accept at RCPT is to accept the message, and so is to discard.
    if (decision.kind === 'accept' || decision.kind === 'discard') told.decision = decision
    return decision
  }

  /** All recipients are there, and no others. Its decision about the message. */
  async data(shown: ShownEnvelope): Promise<FilterDecision> {
    const { recipients } = shown.envelope
    const told = this.#told
    const wanted = new Set(recipients.map(({ address }) => keyOf(address)))
    const taken = told?.id === shown.envelope.id ? [...told.recipients].filter(([, { kind }]) => isTaken(kind)) : []
    // Others have refused a recipient that it has taken: nothing takes one away but to begin anew.
    if (told?.decision?.kind === 'continue' && taken.some(([key]) => !wanted.has(key))) this.restart()
    const before = await this.mail(shown)
    if (before.kind !== 'continue') return before
    for (const recipient of recipients) {
      const now = this.#told as Told // MAIL was said
      if (now.recipients.has(keyOf(recipient.address))) continue
      const decision = await this.rcpt(shown, recipient)
      const settled = settledBy(now.decision)
      if (settled) return settled
      if (!isTaken(decision.kind)) continue
    }
    const now = this.#told as Told // MAIL was said
    if (now.isDataSaid || ![...now.recipients.values()].some(({ kind }) => isTaken(kind))) return CONTINUE
    now.isDataSaid = true
    now.decision = await this.dialogue.data(this.#macros(shown))
    return settledBy(now.decision) ?? CONTINUE
  }

  /** Recipients of this message that it has refused, with what it said. */
  get refused(): ReadonlyMap<string, FilterDecision> {
    const refused = [...(this.#told?.recipients ?? [])].filter(([, { kind }]) => !isTaken(kind))
    return new Map(refused)
  }

  /** It has taken a recipient, and wants to see the content. */
  get hasRecipients(): boolean {
    return [...(this.#told?.recipients.values() ?? [])].some(({ kind }) => isTaken(kind))
  }

  /** Its decision about this message, when it has one before the end. */
  get decision(): FilterDecision | undefined {
    return settledBy(this.#told?.decision)
  }

  /** Octets of the message as they arrive, or as others have made them. */
  async content(shown: ShownEnvelope, octets: Uint8Array, isStream: boolean): Promise<void> {
    const told = this.#told
    if (!told || this.decision) return
    told.isStream = isStream
    told.splitter ??= this.#split(told, shown)
    await told.splitter.write(octets)
  }

  /** All octets were there. */
  async endOfContent(shown: ShownEnvelope): Promise<void> {
    const told = this.#told
    if (!told || this.decision) return
    told.splitter ??= this.#split(told, shown)
    await told.splitter.end()
  }

  /** Whether it was shown content of this message, as it arrived or otherwise. */
  shownOf(id: string): 'stream' | 'made' | undefined {
    if (this.#told?.id !== id || !this.#told.splitter) return undefined
    return this.#told.isStream ? 'stream' : 'made'
  }

  /** More of the body would be of no use. */
  get isBodyDone(): boolean {
    return this.decision !== undefined || this.dialogue.isBodyDone
  }

  /** What it heard of the message is to be told again, otherwise. */
  restart(): void {
    this.#abort()
  }

  /** The message has come to its end, or will not come to one. */
  forget(): void {
    this.#abort()
    this.#failure = undefined
  }

  /** The message was decided: the milter has forgotten it by itself. */
  finish(): void {
    this.#told = undefined
  }

  /** The client is gone. */
  close(): void {
    this.#isClosed = true
    this.#dialogue?.quit()
  }

  /** Macros of the end of the message, and of the header. */
  macrosAt(shown: ShownEnvelope) {
    return this.#macros(shown)
  }

  get #place(): string {
    const { at } = this.#options
    return 'path' in at ? `unix:${at.path}` : `inet:${at.host}:${at.port}`
  }

  #split(told: Told, shown: ShownEnvelope): ContentSplitter {
    const decide = async (decision: FilterDecision | Promise<FilterDecision>): Promise<void> => {
      told.decision = await decision
    }
    const isOver = (): boolean => settledBy(told.decision) !== undefined
    return new ContentSplitter({
      header: (field) => (isOver() ? undefined : decide(this.dialogue.header(field))),
      endOfHeader: () => (isOver() ? undefined : decide(this.dialogue.endOfHeader(this.#macros(shown)))),
      body: (octets) => (isOver() ? undefined : decide(this.dialogue.body(octets))),
    })
  }

  async #open(): Promise<void> {
    const { at, version, clocks } = this.#options
    this.#isConnectSaid = false
    this.#helo = undefined
    this.#ofConnection = undefined
    this.#ofHelo = undefined
    const dialogue = await FilterDialogue.open(at, { version, clocks })
    if (this.#isClosed) dialogue.quit()
    this.#dialogue = dialogue
  }

  #begin(id: string): void {
    this.#abort()
    this.#failure = undefined
    this.#told = {
      id,
      recipients: new Map(),
      isDataSaid: false,
      decision: undefined,
      splitter: undefined,
      isStream: false,
    }
  }

  #abort(): void {
    this.#told = undefined
    this.#dialogue?.abort()
  }

  #macros({ session, reverse, envelope }: Shown, recipient?: Parameters<typeof macrosOf>[0]['recipient']) {
    const { hostname, macros: own } = this.#options
    return macrosOf({ session, client: clientOf(session, reverse).name, hostname, own, envelope, recipient })
  }
}

/** A decision that ends what follows. */
function settledBy(decision: FilterDecision | undefined): FilterDecision | undefined {
  return decision?.kind === 'continue' ? undefined : decision
}

function isTaken(kind: FilterDecision['kind']): boolean {
  return kind === 'continue' || kind === 'accept' || kind === 'discard'
}

/** A recipient, by its address. */
export function keyOf(address: Address): string {
  return String(address)
}

function ignore(): void {}
