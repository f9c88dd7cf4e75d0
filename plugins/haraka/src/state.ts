/** What plugins of Haraka know of one session: their connection and its transactions, shared by all uses of `haraka` in its way. */
import { Address as HarakaAddress } from '@haraka/email-address'
import type { Address, BaseContext, Envelope, Helo, Logger, MailContext, RcptContext, Session } from '@postroad/plugin'
import type { Soon } from './chain.ts'
import { HarakaConnection } from './connection.ts'
import type { HarakaLogger, LogSink } from './logger.ts'
import { makeResults } from './results.ts'
import type { HarakaServer } from './server.ts'
import { HarakaTransaction } from './transaction.ts'

/** What became of one RCPT in the chains so far. */
export interface RcptState {
  /** A plugin has said OK. */
  isOk: boolean
  /** What stands for it in `rcpt_to`: itself, or what aliases made of it. */
  addresses: readonly HarakaAddress[]
}

/** One transaction as it came, beside what plugins make of it. */
export interface HarakaMail {
  readonly transaction: HarakaTransaction
  /** The reverse-path as it came. */
  readonly from: string
  isFilled: boolean
  isApplied: boolean
  /** Recipients that the rewriting adds. */
  readonly added: Set<string>
  /** `rcpt_to` before the message, as far as it is the client's doing. */
  recipients: readonly HarakaAddress[]
}

/** One session. */
export class HarakaSession {
  readonly connection: HarakaConnection
  hasName = false
  isAuthShown = false
  /** Something was waited for since the hook that has its turn began. */
  hasWaited = false
  log: Logger | undefined
  readonly #transactions = new Map<string, HarakaMail>()
  readonly #rcpts = new WeakMap<Address, RcptState>()
  readonly #heard: LogSink['heard']
  #tail: Promise<unknown> | undefined

  constructor(
    session: Session,
    {
      server,
      logger,
      hostname,
      heard,
    }: { server: HarakaServer; logger: HarakaLogger; hostname: string; heard: LogSink['heard'] },
  ) {
    this.#heard = heard
    const connection = new HarakaConnection(server, session.id, () => this.#sink(), logger.loglevel)
    const { remote, local } = session
    Object.assign(connection.local, { ip: local.address, port: local.port, host: hostname })
    connection.remote['port'] = remote.port
    connection.set('remote.ip', /^[0-9a-fA-F:.]+$/.test(remote.address) ? remote.address : '127.0.0.1')
    connection.results.add({ name: 'local' }, connection.local)
    connection.results.add({ name: 'remote' }, connection.remote)
    this.connection = connection
  }

  #sink(): LogSink | undefined {
    const { log } = this
    return log && { log, ...(this.#heard && { heard: this.#heard }) }
  }

  /** Chains of a session run one after the other, though hooks of the server may overlap. */
  inTurn<T>(work: () => Soon<T>): Soon<T> {
    const before = this.#tail
    this.hasWaited = before !== undefined
    const begin = (): Soon<T> => {
      this.hasWaited = true
      return work()
    }
    const run = before ? before.then(begin, begin) : work()
    if (!(run instanceof Promise)) return run
    const over = (): void => {
      if (this.#tail === tail) this.#tail = undefined
    }
    const tail = run.then(over, over)
    this.#tail = tail
    return run
  }

  /** What the session says of itself by now. */
  see({ session, log }: BaseContext & { readonly session: Session }, helo: Helo | undefined = session.helo): void {
    const { connection } = this
    this.log = log
    if (helo && connection.hello.host !== helo.name) {
      connection.hello.host = helo.name
      connection.hello.verb = helo.extended ? 'EHLO' : 'HELO'
      connection.esmtp = helo.extended
      connection.results.add({ name: 'helo' }, connection.hello)
    }
    if (session.tls && !connection.tls['enabled']) {
      const { cipher: name, version, client } = session.tls
      const cipher = { name, standardName: name, version }
      Object.assign(connection.tls, { enabled: true, advertised: true, verified: client !== undefined, cipher })
      connection.notes['tls'] = { authorized: client !== undefined, cipher }
    }
    if (session.identity && !this.isAuthShown) this.showAuth(session.identity.name, 'postroad')
  }

  /** Who has logged in may relay, as in Haraka. */
  showAuth(user: string, plugin: string, method = 'PLAIN'): void {
    const { connection } = this
    this.isAuthShown = true
    connection._relaying = true
    connection['authheader'] = '(authenticated bits=0)\n'
    connection.notes['auth_user'] = user
    connection.results.add({ name: 'relay' }, { pass: plugin })
    connection.results.add({ name: 'auth' }, { pass: plugin, method, user })
  }

  /** The transaction of an envelope, which is that of the connection from now on. */
  begin({ id, from, recipients }: Envelope): HarakaMail {
    const known = this.#transactions.get(id)
    const state = known ?? this.#make(id, from)
    this.connection.transaction = state.transaction
    if (!state.isFilled) {
      state.recipients = recipients.flatMap(
        ({ address }) => this.#rcpts.get(address)?.addresses ?? [harakaAddress(address)],
      )
      state.transaction.rcpt_to = [...state.recipients]
    }
    return state
  }

  #make(id: string, from: Address | undefined): HarakaMail {
    const { connection } = this
    const transaction = new HarakaTransaction(connection.tran_uuid())
    transaction.results = makeResults(connection)
    transaction.mail_from = harakaAddress(from)
    const state = {
      transaction,
      from: String(from ?? ''),
      isFilled: false,
      isApplied: false,
      added: new Set<string>(),
      recipients: [],
    }
    this.#transactions.set(id, state)
    return state
  }

  find(id: string): HarakaMail | undefined {
    return this.#transactions.get(id)
  }

  /** The transactions that have not ended; but for that of the envelope. */
  others(id: string | undefined): readonly [string, HarakaMail][] {
    return [...this.#transactions].filter(([other]) => other !== id)
  }

  end(id: string): void {
    const state = this.#transactions.get(id)
    this.#transactions.delete(id)
    state?.transaction.message_stream.destroy()
    if (this.connection.transaction === state?.transaction) this.connection.transaction = null
  }

  rcpt(address: Address): RcptState {
    const known = this.#rcpts.get(address)
    if (known) return known
    const state: RcptState = { isOk: false, addresses: [harakaAddress(address)] }
    this.#rcpts.set(address, state)
    return state
  }

  /** The chains of this RCPT have been run; what stands for the recipient now. */
  takeRcpt(address: Address, before: number, transaction: HarakaTransaction): void {
    this.rcpt(address).addresses = transaction.rcpt_to.slice(before)
  }
}

/** An address as plugins know it, the null reverse-path too. */
export function harakaAddress(address: Address | undefined): HarakaAddress {
  return new HarakaAddress(`<${address ?? ''}>`, { postel: true })
}

/** The parameters of a command, by their words; `null` where there is no value. */
export function wordsOf(
  parameters: MailContext['parameters'] | RcptContext['parameters'],
): Record<string, string | null> {
  const out: Record<string, string | null> = {}
  for (const [key, value] of Object.entries(parameters)) {
    if (value === undefined || value === false) continue
    const text =
      value === true
        ? null
        : Array.isArray(value)
          ? value.join(',')
          : isTyped(value)
            ? `${value.type};${value.address}`
            : String(value ?? '<>')
    out[key.toUpperCase()] = text
  }
  return out
}

function isTyped(value: unknown): value is { readonly type: string; readonly address: string } {
  return typeof value === 'object' && value !== null && 'type' in value && 'address' in value
}
