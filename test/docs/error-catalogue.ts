/** The one catalogue of errors: what each package says of its codes, in the order in which an operator meets them. */
import { ERRORS } from '@postroad/core'
import { USAGE_ERRORS } from '../../packages/cli/src/config/usage-error.ts'
import { DNS_ERRORS } from '../../packages/dns/src/failure.ts'
import { EMBEDDED_ERRORS } from '../../packages/embedded/src/lmdb/error.ts'
import { LISTENER_ERRORS } from '../../packages/listener/src/errors.ts'
import { MESSAGE_ERRORS } from '../../packages/message/src/errors.ts'
import { QUEUE_ERRORS } from '../../packages/queue/src/error.ts'
import { REDIS_ERRORS } from '../../plugins/redis/src/link.ts'

/** The codes of one class of errors. */
export interface ErrorGroup {
  readonly title: string
  /** The classes that have these codes. */
  readonly classes: readonly string[]
  readonly package: string
  readonly about: string
  readonly errors: Readonly<Record<string, { readonly summary: string; readonly fix: string }>>
}

/** Everything that has a code. */
export const CATALOGUE: readonly ErrorGroup[] = [
  {
    title: 'Before the first connection',
    classes: ['PostroadError', 'BootError'],
    package: '@postroad/core',
    about:
      'All mistakes of a configuration are reported at once, as one `BootError` of many `PostroadError`s; `postroad check` looks for them without listening.',
    errors: ERRORS,
  },
  {
    title: 'On the command line',
    classes: ['UsageError'],
    package: 'postroad',
    about: 'Shown without a stack; the command ends with a code above 0.',
    errors: USAGE_ERRORS,
  },
  {
    title: 'Listeners',
    classes: ['ListenerError'],
    package: '@postroad/listener',
    about: 'For programs that use a listener without the engine.',
    errors: LISTENER_ERRORS,
  },
  {
    title: 'The queue',
    classes: ['QueueError'],
    package: '@postroad/queue-engine',
    about: 'In the log, under `error`; mail that could not be stored was not taken, and its client tries again.',
    errors: QUEUE_ERRORS,
  },
  {
    title: 'Database files',
    classes: ['EmbeddedError'],
    package: '@postroad/embedded',
    about: 'Of the queue and of the embedded services; the message names the file.',
    errors: EMBEDDED_ERRORS,
  },
  {
    title: 'Redis',
    classes: ['RedisAwayError'],
    package: '@postroad/redis',
    about: 'In the log, and in what plugins get.',
    errors: REDIS_ERRORS,
  },
  {
    title: 'Messages',
    classes: ['MessageError'],
    package: '@postroad/message',
    about: 'What a plugin that reads a message may meet. The texts are fixed and hold nothing of the message.',
    errors: MESSAGE_ERRORS,
  },
  {
    title: 'DNS',
    classes: ['DnsError'],
    package: '@postroad/dns',
    about:
      'What a question of the `Dns` service without records rejects with. The codes are those of the protocol and have no prefix.',
    errors: DNS_ERRORS,
  },
]

/** Errors that have no code because nobody outside meets them: the part that throws one and the part that catches it stand beside each other. */
export const WITHIN: ReadonlyMap<string, string> = new Map([
  ['CallRefused', 'what a caller of the admin interface is told: a status and a sentence'],
  ['ConnectError', 'has a stage and a reply; a transport makes outcomes of it'],
  ['MissedError', 'why a file in an archive was not listed; `archived()` tells it as `unread`'],
  ['RouteError', 'has a reply; a transport makes outcomes of it'],
  ['HandshakeError', 'the client’s affair; one line in the log'],
  ['PolicyProtocolError', 'one line in the log of a listener; the plugin policy has failed by it, and onError decides'],
  ['MilterError', 'one line in the log of a listener; the plugin milter has failed by it, and onError decides'],
  ['StatusError', 'rspamd has judged nothing; the next daemon is asked, and at last onError decides'],
  ['DerError', 'a certificate whose extensions cannot be read proves nothing'],
  ['ServiceClosed', 'a connection that a policy service had kept; the question is asked once more'],
  ['FeaturesError', 'a lesson that cannot be read; the plugin junk counts it as damaged and goes on'],
  ['SnapshotError', 'a snapshot that cannot be read; the plugin junk puts it aside and learns again from its journal'],
  ['StateError', 'a file of the plugin junk that is damaged; it is put aside and made again from the journal'],
  ['Unread', 'why an archive was not looked into; the fact of attachments tells it as `unread`'],
  ['UsageMistake', 'wrong arguments of a command of junk, told in words'],
  ['WrongUsage', 'wrong words on the command line, told with what was meant; exit code 2'],
  ['SendError', 'has the reply that a client would have heard; who sends reads it there'],
  ['NotTried', 'how a transport gives a job back'],
  ['TimeUp', 'the end of a deadline in a transport'],
  [
    'DirectoryError',
    'nobody could say what a directory holds; the plugin that asked defers mail, or goes on where the operator says so',
  ],
  ['WrongArguments', 'wrong words of `postroad catch`, told with what was meant; exit code 2'],
  ['TimeoutError', 'a plugin of Haraka took too long; onError of the plugin haraka decides'],
  ['CycleError', 'becomes ERR_CYCLE'],
  ['RequestRefused', 'what a client of HTTP injection is told: a status and each fault with its field'],
  ['TemplateError', 'a template that cannot be used; injection tells it as a fault of its field'],
  ['HashesBusy', 'becomes the answer that the server is busy'],
])
