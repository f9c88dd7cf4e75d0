/** A spam filter that learns: scores each message, says why, and does no more than its budget allows. */
import { explain, SCAN_OCTETS, type ScanFacts } from '@postroad/learn'
import { readAll } from '@postroad/mail'
import {
  Clock,
  definePlugin,
  desk,
  errorOf,
  LearningDesk,
  Lock,
  type Message,
  type MessageContext,
  type PluginInstance,
  type Setup,
} from '@postroad/plugin'
import { SenderFields } from '@postroad/upstream'
import { junkCommands } from './command.ts'
import { type JunkFact, junkFact, reasonOf, reasonsOf, roundScore } from './fact.ts'
import { judge, mostCautious, opinionsOn, type Scored } from './judge.ts'
import { FACTS_FIELD, factsOf, SPEAKERS, writeFacts } from './known-facts.ts'
import { LearningAddresses } from './learning-address.ts'
import { MaildirWatch } from './maildir-watch.ts'
import { type JunkOptions, options } from './options.ts'
import { junkRoutes } from './route.ts'
import { School, type SharedLessons } from './school.ts'
import { samplesOf, statsOf } from './stats.ts'
import { answerStats } from './stats-request.ts'
import { OUTCOME_TEXT, type Teacher } from './teacher.ts'

/** Fields that are ours, and that nobody else is to bring. */
const OWN_FIELDS = ['X-Spam-Status', 'X-Spam-Flag', FACTS_FIELD] as const
/** Milliseconds that the start waits for what was learned; the rest is read meanwhile, and nothing is said of mail until then. */
const PATIENCE = 10_000
const MINUTE = 60_000

/** What is to be written into a message. */
interface Noted {
  readonly facts: ScanFacts
  readonly fact: JunkFact | undefined
}

/**
 * Scores mail by what users have called spam and ham. Does nothing until enough was learned to keep the budget.
 *
 * @example mx.use(junk({ budget: '1 in 2000', addresses: { spam: 'spam@junk.local', ham: 'ham@junk.local' } }))
 */
export const junk = definePlugin({
  name: 'junk',
  options,
  needs: { clock: Clock, lock: Lock },
  setup: (given) => setUpJunk(given),
})

/** What the filter is set up with. */
type JunkSetup = Setup & { readonly options: JunkOptions; readonly clock: Clock; readonly lock: Lock }

/** The hooks of the filter. @param shared where lessons are, when it is not a folder of this machine */
export function setUpJunk(given: JunkSetup, shared?: SharedLessons): PluginInstance {
  const { options, clock, lock, log, hostname, rehearsal, signal, resolve, folder } = given
  const own = options.folder === undefined ? undefined : resolve(options.folder)
  const school = new School({
    folder: async () => own ?? (await folder()),
    options,
    hostname,
    clock,
    lock,
    log,
    isReadOnly: rehearsal,
    shared,
  })
  const addresses = options.addresses && new LearningAddresses(options.addresses)
  const forged = new SenderFields(OWN_FIELDS)
  const noted = new WeakMap<object, Noted>()
  let watch: MaildirWatch | undefined
  let timer: NodeJS.Timeout | undefined
  let wasReady: boolean | undefined
  let wasPaused = false
  let answering: { stop(): void } | undefined

  async function look(context: MessageContext, teacher: Teacher) {
    const { envelope, message } = context
    const facts = factsOf(context)
    const octets = await headOf(message)
    const features = teacher.scan(octets, facts)
    const { mind } = teacher.keeper
    const recipients = envelope.recipients.map(({ address }) => address)
    const judgements = judge(mind, features, recipients, (address) => teacher.who(address))
    const isReady = mind.readiness().isReady
    const whole = mostCautious(judgements)
    if (!whole) return undefined
    const because = (judgement: Scored): readonly string[] =>
      judgement.verdict === 'wanted' || options.explain === 0
        ? []
        : reasonsOf(
            explain(teacher.scanner, mind.model, octets, {
              facts,
              corrections: correctionsOf(teacher, judgement),
              limit: options.explain,
            }),
          )
    const fact: JunkFact = {
      verdict: whole.verdict,
      score: roundScore(whole.score.verdict),
      threshold: roundScore(mind.thresholds.junk),
      probability: roundScore(mind.calibration.probability(whole.score.verdict)),
      shadow: !isReady,
      because: because(whole),
      ...(judgements.length > 1 && {
        differs: judgements.map(({ verdict, score, recipients: about }) => ({
          verdict,
          score: roundScore(score.verdict),
          for: about?.map(String) ?? [],
        })),
      }),
    }
    context.set(junkFact, fact)
    noted.set(envelope, { facts, fact })
    return isReady ? opinionsOn(judgements, options, (judgement) => reasonOf(judgement, fact)) : undefined
  }

  function tellReadiness(teacher: Teacher): void {
    const { mind } = teacher.keeper
    const { isReady, missing } = mind.readiness()
    const isPaused = mind.counts.pausedAt !== undefined
    if (isPaused && !wasPaused)
      log.error(
        { since: mind.counts.pausedAt },
        'learning has stopped, and junk is let through: lessons made the filter wrong about mail that it knows. "postroad junk undo" takes back those that were wrong, "postroad junk resume" goes on',
      )
    wasPaused = isPaused
    if (isReady === wasReady) return
    wasReady = isReady
    if (isReady) log.info({ budget: options.budget }, 'enough was learned: junk is treated as the options say')
    else log.info({ missing }, 'shadow mode: nothing is done to junk until more was learned')
  }

  return {
    ...(addresses && {
      rcpt: {
        handler: (context) => (addresses.labelOf(context.recipient) ? addresses.refusal(context) : undefined),
      },
      route: {
        before: ['routing', 'recipients', 'proxy'],
        handler: ({ recipient }) => (addresses.labelOf(recipient) ? { via: 'discard' } : undefined),
      },
    }),
    message: {
      after: [...SPEAKERS],
      provides: [junkFact],
      async handler(context) {
        const { envelope, message } = context
        forged.note(envelope, message)
        const taught = addresses && (await addresses.learn(context, () => school.open()))
        if (taught && taught.length === envelope.recipients.length) return taught
        const { teacher } = school
        // Errors are never evidence: what cannot be read says nothing of mail.
        const opinions = teacher && teacher.keeper.trouble === undefined ? await look(context, teacher) : undefined
        return [...(taught ?? []), ...(opinions ?? [])]
      },
    },
    rewrite: {
      changes: 'header',
      handler({ envelope, message }) {
        const clean = forged.strip(envelope, message)
        const note = noted.get(envelope)
        noted.delete(envelope)
        const { teacher } = school
        return note && teacher && options.fields ? withFields(clean, note, teacher) : clean
      },
    },
    commands: junkCommands({ school, options, clock }),
    routes: junkRoutes(school, { options, clock }),
    desks: [
      desk(LearningDesk, {
        // Who may teach by this desk is an operator: it counts for everybody.
        async learn(message, { as }) {
          const teacher = await school.open()
          const label = as === 'spam' ? 'junk' : 'wanted'
          return OUTCOME_TEXT[await teacher.teach(await readAll(message), { label, source: 'desk' })]
        },
      }),
    ],
    ...(own !== undefined && { folders: [{ path: own, at: 'junk.folder' }] }),
    async start() {
      const opening = school.open().then(
        (teacher) => {
          teacher.keeper.follow()
          tellReadiness(teacher)
          answering = answerStats(options.folder ?? '', async () =>
            samplesOf(await statsOf(teacher.keeper, options, clock.now())),
          )
          timer = setInterval(() => tellReadiness(teacher), MINUTE).unref()
          if (rehearsal || options.maildirs.length === 0) return
          const maildirs = options.maildirs.map((one) => ({ ...one, folder: resolve(one.folder) }))
          const { folder: kept } = teacher.keeper
          watch = new MaildirWatch({ options: { ...options, maildirs }, teacher, lock, log, signal, folder: kept })
          watch.start()
        },
        (error: unknown) =>
          log.error({ error: errorOf(error) }, 'what was learned cannot be read, mail goes on without'),
      )
      await atMost(PATIENCE, opening)
    },
    async close() {
      clearInterval(timer)
      answering?.stop()
      await watch?.close()
      await school.close()
    },
  }
}

/** As much as the filter looks at. */
async function headOf(message: Message): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of message.chunks?.() ?? message.raw()) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= SCAN_OCTETS) break
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
}

function correctionsOf(teacher: Teacher, { recipients }: Scored) {
  const [one] = recipients ?? []
  return recipients?.length === 1 && one ? teacher.keeper.mind.correctionsFor(teacher.who(one.toString())) : []
}

function withFields(message: Message, { facts, fact }: Noted, teacher: Teacher): Message {
  const about = { messageId: message.headers.get('Message-ID'), date: message.headers.get('Date') }
  const carried = message.withHeader(FACTS_FIELD, writeFacts(facts, about, teacher.secret))
  if (!fact || fact.shadow) return carried
  const word = fact.verdict === 'junk' ? 'Yes' : fact.verdict === 'unsure' ? 'Unsure' : 'No'
  const marked = carried.withHeader(
    'X-Spam-Status',
    `${word}, score=${fact.score} required=${fact.threshold} tests=JUNK`,
  )
  return fact.verdict === 'junk' ? marked.withHeader('X-Spam-Flag', 'YES') : marked
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
