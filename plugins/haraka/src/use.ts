/** One use of `haraka`: some plugins as a chain, and what it does at each hook of the server. */

import { dkimFact, spfFact } from '@postroad/authres'
import {
  type AcceptedContext,
  type AuthContext,
  type BaseContext,
  type ClosedContext,
  type CommandContext,
  type CommandReply,
  type ConnectContext,
  type DataContext,
  type Defer,
  defer,
  type Fact,
  type HeloContext,
  type Identity,
  type MailContext,
  type MessageContext,
  type QueueContext,
  type RcptContext,
  type Receipt,
  type RefusedContext,
  type Reject,
  type Rewrite,
  type RewriteContext,
  type Route,
  reject,
  reverseDns,
  type Session,
} from '@postroad/plugin'
import constants from 'haraka-constants'
import { refusalOf, said, unknownReply, verifyReply } from './answer.ts'
import { attempt } from './auth.ts'
import { andThen, type ChainAnswer, CONT, inOrder, lateTo, runChain, type Soon, TOLD } from './chain.ts'
import {
  dkimOf,
  type HarakaResult,
  harakaResult,
  nameClient,
  provide,
  resultsOf,
  reverseDnsOf,
  showFacts,
  spfOf,
} from './facts.ts'
import type { UseParts } from './parts.ts'
import { rewritten } from './rewriting.ts'
import { type HarakaMail, HarakaSession, harakaAddress, wordsOf } from './state.ts'

type Refusing = Soon<Reject | Defer | undefined>
type Told = Pick<BaseContext, 'log'> & { readonly signal?: AbortSignal }
type AnyContext = BaseContext & { readonly session: Session }

/** What plugins know of sessions; a use in the shadow has a memory of its own, so that nobody obeys it by the way. */
const shared = new WeakMap<Session, HarakaSession>()
/** All uses there are: who refuses at one is heard by the `deny` hooks of all. */
const uses = new Set<HarakaUse>()

/** One use. */
export class HarakaUse {
  readonly #parts: UseParts
  readonly #sessions: WeakMap<Session, HarakaSession>
  readonly #scopes = new Set<string>()
  readonly #names: readonly string[]
  readonly #result: Fact<HarakaResult, 'transaction'>

  constructor(parts: UseParts) {
    this.#parts = parts
    this.#sessions = parts.shadow ? new WeakMap() : shared
    this.#result = harakaResult(parts.name)
    this.#names = parts.plugins.map(({ name }) => name)
    uses.add(this)
  }

  has(...hooks: readonly string[]): boolean {
    return hooks.some((hook) => this.#parts.chains.has(hook))
  }

  /** Who the client is, its name, and `connect`. */
  connect(context: ConnectContext): Refusing {
    return this.#inTurn(context, (state) => {
      const named = andThen(this.#run(state, 'connect_init', context), () => this.#named(state, context))
      return andThen(named, (refused) => {
        if (refused) return refused
        showFacts(state.connection, context)
        return andThen(this.#ask(state, 'connect', context), (refusal) => {
          if (this.#parts.options.facts.includes('reverse-dns'))
            provide(context, reverseDns, reverseDnsOf(state.connection))
          return refusal
        })
      })
    })
  }

  #named(state: HarakaSession, context: ConnectContext): Refusing {
    if (state.hasName) return undefined
    return andThen(
      this.#run(state, 'lookup_rdns', context),
      (answer) => refusalOf('lookup_rdns', answer) ?? nameClient(state, answer, context, this.#parts.dns),
    )
  }

  helo(context: HeloContext): Refusing {
    return this.#inTurn(context, (state) => {
      const { helo } = context
      state.see(context, helo)
      const { connection } = state
      const hook = helo.extended ? 'ehlo' : 'helo'
      connection.current_line = `${hook.toUpperCase()} ${helo.name}`
      showFacts(connection, context)
      return andThen(this.#ask(state, hook, context, helo.name), (refusal) => {
        if (refusal || !helo.extended) return refusal
        // Only to be seen: the server says what it can.
        connection.capabilities = ['PIPELINING', '8BITMIME']
        return andThen(this.#run(state, 'capabilities', context), () => undefined)
      })
    })
  }

  mail(context: MailContext): Refusing {
    return this.#inTurn(context, (state) =>
      andThen(this.#endOthers(state, context.envelope.id, context), () => {
        const { transaction } = state.begin(context.envelope)
        const { connection } = state
        const from = String(context.envelope.from ?? '')
        connection.current_line = `MAIL FROM:<${from}>`
        showFacts(connection, context)
        const params = [transaction.mail_from ?? harakaAddress(context.envelope.from), wordsOf(context.parameters)]
        return andThen(this.#ask(state, 'mail', context, params, `sender <${from}> denied`), (refusal) => {
          const action = refusal ? 'reject' : 'accept'
          transaction.results.add({ name: 'mail_from' }, { action, address: from })
          if (this.#parts.options.facts.includes('spf')) provide(context, spfFact, spfOf(connection))
          return refusal
        })
      }),
    )
  }

  rcpt(context: RcptContext): Refusing {
    return this.#inTurn(context, (state) => {
      const { transaction } = state.begin(context.envelope)
      const { recipient } = context
      const rcpt = state.rcpt(recipient)
      // A plugin of a use before has said OK: as in one chain, nobody is asked after it.
      if (rcpt.isOk) return undefined
      const before = transaction.rcpt_to.length
      transaction.rcpt_to.push(...rcpt.addresses)
      state.connection.current_line = `RCPT TO:<${recipient}>`
      showFacts(state.connection, context)
      const params = [rcpt.addresses[0], wordsOf(context.parameters)]
      return andThen(this.#run(state, 'rcpt', context, params), (answer) => {
        rcpt.isOk = answer.code === constants.ok
        if (rcpt.isOk) state.connection.last_rcpt_msg = said(answer.message) ?? null
        state.takeRcpt(recipient, before, transaction)
        return this.#refusal(state, 'rcpt', answer, `recipient <${recipient}> denied`)
      })
    })
  }

  /** For whom a plugin has said OK, or who may relay: where the options say. */
  route({ session, envelope, recipient }: RcptContext): Route | undefined {
    const state = this.#sessions.get(session)
    if (!state) return undefined
    const { route, relay = route } = this.#parts.options
    const isAdded = state.find(envelope.id)?.added.has(String(recipient)) ?? false
    if (route && (isAdded || state.rcpt(recipient).isOk)) return route as Route // its schema has looked at `via`
    return relay && state.connection.relaying ? (relay as Route) : undefined
  }

  nexthop(context: RcptContext): Refusing {
    return this.#inTurn(context, (state) => {
      const { transaction } = state.begin(context.envelope)
      const rcpt = state.rcpt(context.recipient)
      transaction.rcpt_to.push(...rcpt.addresses)
      return this.#ask(state, 'rcpt_ok', context, rcpt.addresses[0], `recipient <${context.recipient}> denied`)
    })
  }

  data(context: DataContext): Refusing {
    return this.#inTurn(context, (state) => {
      state.begin(context.envelope)
      state.connection.current_line = 'DATA'
      return this.#ask(state, 'data', context)
    })
  }

  message(context: MessageContext): Refusing {
    return this.#inTurn(context, async (state) => {
      const { connection } = state
      const current = await this.#filled(state, context)
      showFacts(connection, context)
      current.transaction.data_post_start ??= Date.now()
      const refusal = await this.#ask(state, 'data_post', context)
      if (refusal) current.transaction.msg_status = refusal.kind === 'reject' ? 'rejected' : 'deferred'
      if (this.#parts.options.facts.includes('dkim')) provide(context, dkimFact, dkimOf(connection))
      context.set(this.#result, resultsOf(connection, this.#names))
      return refusal
    })
  }

  /** All that plugins have changed of message and envelope. The first use does it for all: they have one transaction. */
  async rewrite(context: RewriteContext): Promise<Rewrite | undefined> {
    const state = this.#sessions.get(context.session)
    const current = state?.find(context.envelope.id)
    if (!state || !current?.isFilled || current.isApplied) return undefined
    current.isApplied = true
    const { options, hostname } = this.#parts
    return rewritten(state, current, context, { authResults: options.authResults, hostname })
  }

  queue(context: QueueContext): Soon<Receipt | Reject | Defer | undefined> {
    return this.#inTurn(context, async (state) => {
      await this.#filled(state, context)
      const hook = state.connection.relaying && this.has('queue_outbound') ? 'queue_outbound' : 'queue'
      const answer = await this.#run(state, hook, context)
      if (answer.code === constants.ok) return { id: said(answer.message) ?? context.envelope.id }
      return this.#refusal(state, hook, answer)
    })
  }

  accepted(context: AcceptedContext): Soon<void> {
    return this.#inTurn(context, (state) => {
      const { transaction } = state.begin(context.envelope)
      transaction.msg_status = 'accepted'
      state.connection.msg_count.accept++
      return andThen(this.#run(state, 'queue_ok', context, context.receipt.id), () =>
        this.#reset(state, context.envelope.id, context),
      )
    })
  }

  /** Somebody has refused; plugins of Haraka have heard of their own refusals while they could take them back. */
  refused(context: RefusedContext): Soon<void> {
    return this.#inTurn(context, async (state) => {
      const { envelope, refusal, hook, plugin } = context
      if (envelope) state.begin(envelope)
      if (![...uses].some(({ name }) => name === plugin)) {
        const code = refusal.kind === 'reject' ? constants.deny : constants.denysoft
        const told = hook === 'message' ? 'data_post' : hook
        const params = [code, refusal.text, plugin ?? 'postroad', hook, undefined, told]
        await this.#run(state, 'deny', context, params)
      }
      if (envelope && (hook === 'message' || hook === 'queue')) await this.#reset(state, envelope.id, context)
    })
  }

  closed(context: ClosedContext): Soon<void> {
    return this.#inTurn(context, (state) =>
      andThen(this.#endOthers(state, undefined, context), () => {
        state.connection.state = constants.connection.state['DISCONNECTED']
        return andThen(this.#run(state, 'disconnect', context), () => undefined)
      }),
    )
  }

  /** A verb that the server does not know. */
  unknown(context: CommandContext): Soon<CommandReply | undefined> {
    return this.#inTurn(context, async (state) => {
      const { verb, argument } = context
      state.connection.current_line = `${verb} ${argument}`.trim()
      const answer = await this.#run(state, 'unrecognized_command', context, [verb, argument])
      if (answer.code === constants.next_hook) await this.#run(state, String(answer.message), context)
      return unknownReply(answer)
    })
  }

  verify(context: CommandContext): Soon<CommandReply | undefined> {
    return this.#inTurn(context, (state) => andThen(this.#run(state, 'vrfy', context, [context.argument]), verifyReply))
  }

  auth(context: AuthContext): Soon<Identity | Reject | undefined> {
    return this.#inTurn(context, async (state) => {
      const found = await attempt(this.#parts.plugins, state.connection, context)
      if (found?.identity) state.showAuth(found.identity.name, found.plugin, context.attempt.mechanism)
      return found?.identity ?? (found && reject(found.text, { status: '5.7.8' }))
    })
  }

  /** Label of the use. */
  get name(): string {
    return this.#parts.name
  }

  /** No plugin of it hears anything more. */
  close(): void {
    uses.delete(this)
  }

  /** Chains that are of no session. */
  runOn(hook: string, object: unknown, params: unknown, context: Told): Soon<ChainAnswer> {
    const { chains, options } = this.#parts
    const { log, signal } = context
    const life = signal && { life: { signal } }
    return runChain(chains.get(hook), { object, params, ...life, failOpen: options.failOpen, late: lateTo({ log }) })
  }

  #inTurn<C extends AnyContext, T>(context: C, work: (state: HarakaSession) => Soon<T>): Soon<T> {
    const state = this.#stateOf(context)
    const begun = (): Soon<T> => {
      state.see(context)
      return work(state)
    }
    return this.#parts.options.alone ? begun() : state.inTurn(begun)
  }

  #stateOf({ session }: AnyContext): HarakaSession {
    this.#scopes.add(session.scope)
    const known = this.#sessions.get(session)
    if (known) return known
    const state = new HarakaSession(session, this.#parts)
    this.#sessions.set(session, state)
    return state
  }

  async #filled(state: HarakaSession, { envelope, message }: MessageContext | QueueContext): Promise<HarakaMail> {
    const current = state.begin(envelope)
    if (current.isFilled) return current
    current.isFilled = true
    await current.transaction.fill(message)
    return current
  }

  #ask(state: HarakaSession, hook: string, context: AnyContext, params?: unknown, denied?: string): Refusing {
    return andThen(this.#run(state, hook, context, params), (answer) => this.#refusal(state, hook, answer, denied))
  }

  #refusal(state: HarakaSession, hook: string, answer: ChainAnswer, denied?: string): Reject | Defer | undefined {
    const { connection } = state
    const refusal = refusalOf(hook, answer, {
      disconnects: connection.wantsDisconnect,
      ...(denied !== undefined && { denied }),
    })
    if (refusal) connection.last_reject = `${refusal.code} ${refusal.text}`
    else if (connection.wantsDisconnect)
      return defer('The connection is closed', { status: '4.3.2', code: 421, disconnect: true })
    return refusal
  }

  #run(state: HarakaSession, hook: string, context: AnyContext, params?: unknown): Soon<ChainAnswer> {
    const chain = this.#parts.chains.get(hook)
    if (!chain) return CONT
    const { connection } = state
    connection.hook = hook
    const { transaction } = connection
    const skip = transaction?.notes['skip_plugins']
    return runChain(chain, {
      object: connection,
      params,
      turn: state,
      // What has happened is told to the end, though the client may be gone.
      ...(TOLD.has(hook) ? {} : { life: context }),
      failOpen: this.#parts.options.failOpen,
      skip: Array.isArray(skip) ? skip : [],
      late: lateTo(context),
      refused: (answer) => this.#deny(state, hook, answer, { context, params }),
    })
  }

  /** Whether a plugin takes the refusal back. */
  async #deny(
    state: HarakaSession,
    hook: string,
    { code, message, by }: ChainAnswer,
    { context, params }: { readonly context: AnyContext; readonly params: unknown },
  ): Promise<boolean> {
    if (hook === 'deny' || !by) return false
    const told = [code, message, by.plugin.name, by.method, params, hook]
    for (const use of uses) {
      if (use !== this && (!use.#scopes.has(context.session.scope) || use.#parts.shadow)) continue
      const answer = await use.#run(state, 'deny', context, told)
      if (answer.code === constants.ok) return true
      if (answer.code !== constants.cont) return false
    }
    return false
  }

  #endOthers(state: HarakaSession, id: string | undefined, context: AnyContext): Soon<void> {
    return inOrder(state.others(id), ([other]) => this.#reset(state, other, context))
  }

  #reset(state: HarakaSession, id: string, context: AnyContext): Soon<void> {
    const current = state.find(id)
    if (!current) return
    state.connection.transaction = current.transaction
    const all = [...uses].filter(
      (use) => use === this || (use.#sessions === this.#sessions && use.#scopes.has(context.session.scope)),
    )
    // Those who are told first run the chains of all: then it is gone.
    state.end(id)
    state.connection.transaction = current.transaction
    return andThen(
      inOrder(all, (use) => use.#run(state, 'reset_transaction', context)),
      () => {
        state.connection.transaction = null
      },
    )
  }
}
