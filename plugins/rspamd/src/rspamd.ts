/** Asks rspamd about each message, and does what it says, or counts it. */
import {
  Clock,
  defineFact,
  definePlugin,
  desk,
  LearningDesk,
  type MessageContext,
  type MessageOpinion,
  Spool,
  Store,
} from '@postroad/plugin'
import { type Daemon, SenderFields, scanOpinion, Upstreams } from '@postroad/upstream'
import { Client } from './client.ts'
import { type Consultation, edited } from './edits.ts'
import { mustWait } from './greylist.ts'
import { greylisted, judgementsOf, round } from './judge.ts'
import { rspamdCommands, rspamdDesk } from './learn.ts'
import { options } from './options.ts'
import { type Group, groupsOf, requestFields } from './question.ts'
import type { RspamdReply } from './reply.ts'

/** What rspamd said of a message for whom. */
export interface RspamdVerdict {
  /** Its word: `no action`, `greylist`, `add header`, `rewrite subject`, `soft reject`, `reject`, `quarantine`, `discard`, or one of its rules. */
  readonly action: string
  readonly score: number
  /** The score from which it rejects. */
  readonly required: number | undefined
  /** Scores of the symbols that were found. */
  readonly symbols: Readonly<Record<string, number>>
  /** Where each recipient or domain was asked about by itself: whom this is about. */
  readonly for?: readonly string[]
}

/** What came of asking: verdicts, or that the message was not scanned, which is not the same as a good message. */
export type RspamdFact =
  | {
      readonly scanned: true
      readonly verdicts: readonly RspamdVerdict[]
      /** Who said so. */
      readonly daemon: string
      /** Milliseconds that it took. */
      readonly ms: number
    }
  | { readonly scanned: false; readonly reason: string }

/** What rspamd said. Set at `message`; absent when nobody answered. */
export const rspamdFact = defineFact<RspamdFact>('rspamd')

interface Answer {
  readonly group: Group
  readonly reply: RspamdReply | undefined
  readonly daemon: string
  readonly ms: number
}

/** Beyond the deadline, in which what the plugin says of its failure is still heard. */
const MARGIN = 1_000

/**
 * The verdict of rspamd on each message. Its actions become opinions, or its score points; what it wants changed is changed.
 *
 * @example mx.use(rspamd({ at: ['10.0.0.5:11333', '10.0.0.6:11333'] }))
 */
export const rspamd = definePlugin({
  name: 'rspamd',
  options,
  needs: { clock: Clock, store: Store, spool: Spool },
  setup({ options, clock, store, spool, log, hostname }) {
    const client = new Client(options.atOnce)
    const daemons = new Upstreams({ ...options, clock, log })
    const forged = new SenderFields(options.strip)
    // What is to be changed later is not for the log: it is remembered beside the fact.
    const pending = new WeakMap<object, Consultation>()
    const { perRecipient, maxSize, zstd, greylist, key, controller, deadline } = options
    const teaching = {
      controller: { daemon: controller.at, key: controller.key },
      password: controller.password,
      deadline,
    }
    // To whom a connection was opened when the message began to arrive, by its envelope.
    const named = new WeakMap<object, Daemon>()
    const ask = async (
      context: MessageContext,
      message: Consultation['message'],
      { group, first }: { readonly group: Group; readonly first: Daemon | undefined },
    ): Promise<Answer> => {
      const question = { message, zstd, fields: requestFields(context, group, { ...options, hostname }) }
      const { value, daemon, ms } = await daemons.ask(
        (daemon, signal) => client.check({ daemon, key }, question, signal),
        context.signal,
        first,
      )
      return { group, reply: value, daemon, ms }
    }
    const notScanned = (context: MessageContext, reason: string): MessageOpinion | undefined => {
      context.set(rspamdFact, { scanned: false, reason })
      return scanOpinion(options.unscanned, {
        text: 'This message is too large to be looked into',
        reason: `rspamd: not scanned: ${reason}`,
      })
    }
    return {
      // rspamd closes a connection after each answer: the next one is opened while the message arrives.
      receive({ envelope }) {
        if ((envelope.parameters.size ?? 0) > maxSize) return
        const daemon = daemons.next()
        if (!daemon) return
        named.set(envelope, daemon)
        client.prepare(daemon)
      },
      message: {
        after: options.authentication === 'postroad' ? ['spf', 'dkim', 'arc', 'dmarc'] : [],
        provides: [rspamdFact],
        timeout: deadline + MARGIN,
        async handler(context) {
          const { envelope, message, set } = context
          const seen = forged.note(envelope, message)
          if (message.size > maxSize) return notScanned(context, `larger than ${maxSize} octets`)
          const recipients = envelope.recipients.map(({ address }) => address)
          const answers = await Promise.all(
            groupsOf(recipients, perRecipient).map((group, place) =>
              ask(context, seen, { group, first: place === 0 ? named.get(envelope) : undefined }),
            ),
          )
          const replies = answers.flatMap(({ reply }) => reply ?? [])
          const tooLarge = answers.find(({ reply }) => reply === undefined)
          if (tooLarge) return notScanned(context, `too large for ${tooLarge.daemon}`)
          set(rspamdFact, factOf(answers, perRecipient !== undefined))
          pending.set(envelope, { message: seen, replies })
          const opinions: MessageOpinion[] = []
          for (const { group, reply } of answers) {
            if (!reply) continue
            const about = perRecipient && group.recipients
            for (const judgement of judgementsOf(reply, options, about)) {
              if (judgement !== 'greylist') opinions.push(judgement)
              else if (await mustWait(context, group.recipients, { store, delay: greylist }))
                opinions.push(greylisted(about))
            }
          }
          return opinions
        },
      },
      rewrite: {
        changes: 'body',
        handler({ envelope, message }) {
          const clean = forged.strip(envelope, message)
          const asked = pending.get(envelope)
          // Now, and not in the next large collection: it holds the message (decision 0340).
          pending.delete(envelope)
          return asked ? edited(clean, asked, options) : clean
        },
      },
      commands: rspamdCommands({ client: () => new Client(1), ...teaching, at: options.at, key, spool }),
      desks: [desk(LearningDesk, rspamdDesk(client, teaching))],
      close: () => client.close(),
    }
  },
})

function factOf(answers: readonly Answer[], isPerRecipient: boolean): RspamdFact {
  return {
    scanned: true,
    verdicts: answers.flatMap(({ group, reply }) =>
      reply ? [{ ...verdictOf(reply), ...(isPerRecipient && { for: group.recipients.map(String) }) }] : [],
    ),
    daemon: [...new Set(answers.map(({ daemon }) => daemon))].join(' '),
    ms: Math.max(...answers.map(({ ms }) => ms)),
  }
}

function verdictOf({ action, score, required, symbols }: RspamdReply): RspamdVerdict {
  return {
    action,
    score: round(score),
    required,
    symbols: Object.fromEntries([...symbols].map(([name, symbol]) => [name, round(symbol.score)])),
  }
}
