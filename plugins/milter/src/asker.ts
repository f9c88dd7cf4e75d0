/** What the plugin does at each hook: one milter, all sessions. */
import { carryEdits } from '@postroad/message'
import type { FilterDecision } from '@postroad/milter-protocol/client'
import {
  type CommandContext,
  type CommandReply,
  type ConnectContext,
  type DataContext,
  type Defer,
  discard,
  type Fact,
  type HeloContext,
  type MailContext,
  type Message,
  type MessageContext,
  type MessageOpinion,
  type NexthopContext,
  quarantine,
  type ReceiveSink,
  type Reject,
  type Rewrite,
  type RewriteContext,
  reply,
  reverseDns,
  rewrite,
  type Session,
  type Setup,
} from '@postroad/plugin'
import { keyOf, MilterConversation, type ShownEnvelope } from './conversation.ts'
import { type Modified, modify, type SeenMessage, shownOctets } from './modification.ts'
import { refusalOf } from './opinion.ts'
import type { MilterOptions } from './options.ts'
import { type MilterResult, milterResult } from './result.ts'
import { Stream } from './stream.ts'

type Refusing = Promise<Reject | Defer | undefined>

/** What is known of one session. */
interface Talk {
  readonly conversation: MilterConversation
  stream: Stream | undefined
  /** What is to be done with the message, by the id of its transaction. */
  pending: { readonly id: string; readonly seen: Message; readonly modified: Modified } | undefined
}

/** What the milters of a scope have made of a message so far, one after the other. */
const chains = new WeakMap<Message, SeenMessage>()
/** Messages that are shown to a milter while they arrive, to the first one of a chain; by the id of the transaction. */
const streamed = new Set<string>()

const CONTINUE: FilterDecision = { kind: 'continue' }

/** One milter, and the sessions in which it is asked. */
export class MilterAsker {
  readonly result: Fact<MilterResult, 'transaction'>
  readonly #options: MilterOptions
  readonly #hostname: string
  readonly #shadow: boolean
  readonly #macros: ReadonlyMap<string, string>
  readonly #talks = new Map<string, Talk>()

  constructor(options: MilterOptions, { name, hostname, shadow }: Pick<Setup, 'name' | 'hostname' | 'shadow'>) {
    this.#options = options
    this.#hostname = hostname
    this.#shadow = shadow
    this.result = milterResult(name)
    const bare = (name: string): string => name.replace(/^\{(.+)\}$/, '$1')
    this.#macros = new Map(Object.entries(options.macros).map(([name, value]) => [bare(name), value]))
  }

  /** `connect` and `helo`. */
  async greet(context: ConnectContext | HeloContext): Refusing {
    const { conversation } = this.#talkOf(context.session)
    const { session, find } = context
    const shown = { session, reverse: find(reverseDns), helo: 'helo' in context ? context.helo : undefined }
    const decision = await conversation.run(context.signal, () => conversation.greet(shown, 'helo' in context))
    return refusalOf(decision)
  }

  /** A verb that this server does not know: what the milter says goes before our 500. */
  async unknown({ session, find, signal, verb, argument }: CommandContext): Promise<CommandReply | undefined> {
    const { conversation } = this.#talkOf(session)
    const shown = { session, reverse: find(reverseDns) }
    const line = argument === '' ? verb : `${verb} ${argument}`
    const refusal = refusalOf(await conversation.run(signal, () => conversation.unknown(shown, line)))
    return refusal && reply(refusal.code, refusal.text, refusal.status)
  }

  async mail(context: MailContext): Refusing {
    const { conversation } = this.#talkOf(context.session)
    return refusalOf(await conversation.run(context.signal, () => conversation.mail(shownTo(context))))
  }

  /** At `nexthop`. */
  async rcpt(context: NexthopContext): Refusing {
    const { conversation } = this.#talkOf(context.session)
    const { recipient: address, parameters, route } = context
    const decision = await conversation.run(context.signal, () =>
      conversation.rcpt(shownTo(context), { address, parameters, route }),
    )
    return refusalOf(decision)
  }

  async data(context: DataContext): Refusing {
    const { conversation } = this.#talkOf(context.session)
    // What has failed is said with the message.
    if (conversation.failure) return undefined
    return refusalOf(await conversation.run(context.signal, () => conversation.data(shownTo(context))))
  }

  /** Listens where the milter is to see what arrives; in a chain the first one sees it. */
  receive(context: DataContext): ReceiveSink | undefined {
    const { envelope, session } = context
    const talk = this.#talkOf(session)
    talk.stream = undefined
    const { sees, size = Number.POSITIVE_INFINITY } = this.#options
    if (talk.conversation.failure || (envelope.parameters.size ?? 0) > size) return undefined
    if (sees === 'chain') {
      if (streamed.has(envelope.id)) return undefined
      // Nobody after it sees what a shadow makes of a message.
      if (!this.#shadow) streamed.add(envelope.id)
    }
    const stream = new Stream(talk.conversation, shownTo(context), size)
    talk.stream = stream
    return {
      write: (chunk) => stream.write(chunk),
      end: () => void streamed.delete(envelope.id),
      abort: () => {
        streamed.delete(envelope.id)
        stream.abort()
      },
    }
  }

  async message(context: MessageContext): Promise<readonly MessageOpinion[]> {
    const { session, envelope, message, signal, set } = context
    const talk = this.#talkOf(session)
    const { conversation } = talk
    talk.pending = undefined
    const hasHeardAll = (await talk.stream?.done()) ?? false
    talk.stream = undefined
    streamed.delete(envelope.id)
    if (message.size > (this.#options.size ?? Number.POSITIVE_INFINITY)) {
      set(this.result, { decision: 'continue', skipped: 'size' })
      if (!conversation.failure) await conversation.run(signal, async () => conversation.forget())
      return []
    }
    const seen = this.#seenOf(session, message)
    const shown = shownTo(context)
    const isStream = hasHeardAll && seen.message === message
    const modified = await conversation.run(signal, () => judge(conversation, shown, { seen, isStream }))
    const refused = conversation.refused
    conversation.finish()
    if (modified.seen !== seen || modified.from !== undefined || modified.add.length + modified.remove.length > 0)
      talk.pending = { id: envelope.id, seen: seen.message, modified }
    if (modified.seen !== seen && this.#options.sees === 'chain' && !this.#shadow) chains.set(message, modified.seen)
    set(this.result, resultOf(modified))
    const ofSome = envelope.recipients.flatMap(({ address }) => {
      const decision = refused.get(keyOf(address))
      const refusal = decision && refusalOf(decision, [address])
      return refusal ? [refusal] : []
    })
    return [...opinionsOf(modified), ...ofSome]
  }

  /** Does what the milter has said of the message. */
  rewrite({ session, envelope, message }: RewriteContext): Rewrite | undefined {
    const talk = this.#talks.get(session.id)
    const pending = talk?.pending
    if (!talk || pending?.id !== envelope.id) return undefined
    talk.pending = undefined
    const { from, add, remove, seen } = pending.modified
    const isEdited = seen.message !== pending.seen
    return rewrite({
      message: isEdited ? carryEdits(pending.seen, seen.message, message) : message,
      ...(from !== undefined && { from }),
      ...(add.length > 0 && { add }),
      ...(remove.length > 0 && { remove }),
    })
  }

  closed({ id }: Session): void {
    this.#talks.get(id)?.conversation.close()
    this.#talks.delete(id)
  }

  /** No session is left that could ask. */
  close(): void {
    for (const { conversation } of this.#talks.values()) conversation.close()
    this.#talks.clear()
  }

  #seenOf({ role }: Session, message: Message): SeenMessage {
    const made = this.#options.sees === 'chain' ? chains.get(message) : undefined
    return made ?? { message, top: 0, hasOwn: role === 'mta' }
  }

  #talkOf({ id }: Session): Talk {
    const known = this.#talks.get(id)
    if (known) return known
    const { at, version, timeouts } = this.#options
    const conversation = new MilterConversation({
      at,
      version,
      clocks: timeouts,
      hostname: this.#hostname,
      macros: this.#macros,
    })
    const talk: Talk = { conversation, stream: undefined, pending: undefined }
    this.#talks.set(id, talk)
    return talk
  }
}

function shownTo(context: MailContext | DataContext): ShownEnvelope {
  const { session, envelope, helo, find } = context
  return { session, envelope, helo, reverse: find(reverseDns) }
}

/** The whole message, from whatever the milter has heard of it to its last word. */
async function judge(
  conversation: MilterConversation,
  shown: ShownEnvelope,
  { seen, isStream }: { readonly seen: SeenMessage; readonly isStream: boolean },
): Promise<Modified> {
  const { envelope } = shown
  const heard = conversation.shownOf(envelope.id)
  // It was shown something else, or not all of it: only a new beginning makes it forget that.
  if (heard !== undefined && !isStream && !conversation.decision) conversation.restart()
  const before = await conversation.data(shown)
  if (before.kind !== 'continue') return unchanged(before, seen)
  if (!conversation.hasRecipients) return unchanged(CONTINUE, seen)
  if (conversation.shownOf(envelope.id) === undefined) {
    for await (const octets of shownOctets(seen)) {
      if (conversation.isBodyDone && conversation.shownOf(envelope.id) !== undefined) break
      await conversation.content(shown, octets, false)
    }
  }
  await conversation.endOfContent(shown)
  if (conversation.decision) return unchanged(conversation.decision, seen)
  const { dialogue } = conversation
  const edits = dialogue.endOfMessage(conversation.macrosAt(shown))
  return modify(seen, edits, { envelope, hasLeadingSpace: dialogue.hasLeadingSpace })
}

function unchanged(decision: FilterDecision, seen: SeenMessage): Modified {
  return { decision, seen, quarantine: undefined, from: undefined, add: [], remove: [], edits: [] }
}

function opinionsOf({ decision, quarantine: reason }: Modified): readonly MessageOpinion[] {
  const refusal = refusalOf(decision)
  return [
    ...(refusal ? [refusal] : []),
    // To hold is no decision, and one that follows does not undo it.
    ...(reason === undefined ? [] : [quarantine(reason)]),
    ...(decision.kind === 'discard' ? [discard('discarded by the milter')] : []),
  ]
}

function resultOf({ decision, quarantine: reason, edits }: Modified): MilterResult {
  return {
    decision: decision.kind,
    ...(edits.length > 0 && { edits }),
    ...(reason !== undefined && { quarantine: reason }),
  }
}
