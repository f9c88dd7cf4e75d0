/** Asks SpamAssassin what it makes of a message. */
import { receivedField } from '@postroad/message'
import {
  type Address,
  Clock,
  definePlugin,
  desk,
  LearningDesk,
  type Message,
  type MessageContext,
  type MessageOpinion,
  Spool,
} from '@postroad/plugin'
import { SenderFields, scanOpinion, Upstreams } from '@postroad/upstream'
import { check, type Verb } from './client.ts'
import { spamassassinCommands, spamassassinDesk } from './command.ts'
import { fieldsToAdd, judgedOf, opinionsOf, type SpamdAnswer, type SpamScan, spamassassinFact } from './judge.ts'
import { options, type SpamassassinOptions, USER } from './options.ts'
import type { SpamdField } from './reply.ts'

const TOO_LARGE: SpamScan = { result: 'unscanned' }
/** Users of one message that are asked for; where there are more it is asked about once. */
const MOST_USERS = 30

/**
 * Asks spamd about each message: its score becomes points or a verdict, its fields are added, those that the sender brought in its name are removed.
 *
 * @example mx.use(spamassassin({ weight: 0.5 }))
 */
export const spamassassin = definePlugin({
  name: 'spamassassin',
  options,
  needs: { clock: Clock, spool: Spool },
  setup({ options, clock, spool, log, hostname }) {
    const { at, maxSize, headers, strip, deadline, unscanned } = options
    const daemons = new Upstreams({ ...options, clock, log })
    const forged = new SenderFields(strip)
    const worth = opinionsOf(options)
    const verb = options.verb.toUpperCase() as Verb // the words of the option are those of the protocol
    const added = new WeakMap<object, readonly SpamdField[]>()

    async function judge(context: MessageContext, message: Message): Promise<readonly SpamdAnswer[]> {
      const front = frontOf(context, hostname)
      const one = async ([user, recipients]: Group): Promise<SpamdAnswer> => {
        const { value, daemon, ms } = await daemons.ask(
          (daemon, signal) => check(daemon, verb, { front, message, user }, signal),
          context.signal,
        )
        return judgedOf(value, { verb: options.verb, recipients, daemon, ms })
      }
      return Promise.all(groupsOf(context, options).map(one))
    }

    return {
      message: {
        provides: [spamassassinFact],
        timeout: deadline + 1_000,
        async handler(context): Promise<readonly MessageOpinion[] | MessageOpinion | undefined> {
          const message = forged.note(context.envelope, context.message)
          if (context.message.size > maxSize) {
            context.set(spamassassinFact, TOO_LARGE)
            return scanOpinion(unscanned, {
              text: 'The message is too large to be looked at',
              reason: 'spamassassin: not scanned (size)',
            })
          }
          const judged = await judge(context, message)
          const [worst] = judged.toSorted((a, b) => b.scan.score - a.scan.score)
          if (worst) {
            context.set(spamassassinFact, worst.scan)
            added.set(context.envelope, fieldsToAdd(worst.fields, headers))
          }
          return judged.flatMap(worth)
        },
      },
      rewrite: {
        changes: 'header',
        handler: ({ envelope, message }) => withFields(forged.strip(envelope, message), added.get(envelope) ?? []),
      },
      commands: spamassassinCommands({ at, deadline, spool, user: options.user }),
      desks: [
        desk(
          LearningDesk,
          spamassassinDesk({ at, deadline }, (recipients) => usersOf(recipients, options)),
        ),
      ],
    }
  },
})

/** Users and whose they are; undefined: nobody's, or everybody's. */
type Group = readonly [user: string | undefined, recipients: readonly Address[] | undefined]

function groupsOf({ envelope }: MessageContext, options: SpamassassinOptions): readonly Group[] {
  if (!options.perRecipient) return [[options.user, undefined]]
  const groups = new Map<string | undefined, Address[]>()
  for (const { address } of envelope.recipients) {
    const key = userOf(address.local, String(address), options)
    groups.set(key, [...(groups.get(key) ?? []), address])
  }
  return groups.size > MOST_USERS ? [[options.user, undefined]] : [...groups]
}

/** In whose name mail of these recipients is learned. */
function usersOf(recipients: readonly string[], options: SpamassassinOptions): readonly (string | undefined)[] {
  if (!options.perRecipient) return [options.user]
  const users = new Set(recipients.map((one) => userOf(one.slice(0, one.lastIndexOf('@')), one, options)))
  return users.size > MOST_USERS ? [options.user] : [...users]
}

/** What is no user to spamd has the preferences of everybody. */
function userOf(local: string, address: string, { perRecipient, user }: SpamassassinOptions): string | undefined {
  const name = (perRecipient === 'local' ? local : address).toLowerCase()
  return USER.test(name) ? name : user
}

/**
 * What stands in front of the message: the reverse-path, which SPF and lists of spamd look for, and how it came to us, by which they tell whom to
 * trust. Where another server takes the mail there is no trace field yet.
 */
function frontOf({ envelope, session, helo, now }: MessageContext, hostname: string): Buffer {
  const from = Buffer.from(`X-Envelope-From: <${envelope.from ?? ''}>\r\n`)
  if (session.role === 'mta') return from
  const trace = receivedField({
    helo: helo.name || 'unknown',
    remoteAddress: session.remote.address,
    by: hostname,
    protocol: { base: 'ESMTP', tls: session.tls !== undefined, auth: session.identity !== undefined },
    id: envelope.id,
    date: now(),
  })
  return Buffer.concat([from, trace])
}

/** The last comes first, so that they stand as spamd has them. */
function withFields(message: Message, fields: readonly SpamdField[]): Message {
  return fields.reduceRight(
    (rest, { name, value }) =>
      name.toLowerCase() === 'subject' ? rest.withReplacedHeader(name, value) : rest.withHeader(name, value),
    message,
  )
}
