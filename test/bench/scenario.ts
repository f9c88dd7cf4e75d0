/** What is measured, and what is expected of it. */

import { signedData, startScanners } from './scanners.ts'

/** One shape of load, and who meets it. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** Names of files in `targets/`. The first is what ratios are taken against. */
  readonly targets: readonly string[]
  readonly sessions: number
  /** Octets of a message. */
  readonly octets: number
  /** Messages a round. */
  readonly messages: number
  /** Messages before anything is counted: a cold Node costs a third more. */
  readonly warmUp: number
  /** Rounds at most, where one more would tell nothing new. */
  readonly maxRounds?: number
  readonly single?: boolean
  readonly pipelined?: boolean
  /** After STARTTLS; the targets have a certificate. */
  readonly starttls?: boolean
  /** The targets answer first and deliver to the sink later: a round lasts until the sink has everything. */
  readonly forwards?: boolean
  /** Measures the memory of sessions that do nothing instead. */
  readonly idle?: boolean
  /** How long a message waits for its reply is what is measured. */
  readonly waits?: boolean
  /** The message, where it is not one of `octets`, as DATA has it. */
  readonly data?: Buffer | undefined
  /** Starts what all targets ask; they hear of it by their environment. */
  readonly besides?: () => Promise<AsyncDisposable>
  /** Left out by `--quick`. */
  readonly isLong?: boolean
}

/** A figure that has to hold: `target` divided by `against` (or by itself: an absolute figure). */
export interface Bar {
  readonly scenario: string
  /** `peakRss` in MB, `idle` in octets a session; both only by themselves. */
  readonly figure: 'cpu' | 'rate' | 'wait' | 'idle' | 'peakRss'
  readonly target: string
  /** `name-*`: the slowest of those whose names begin so. */
  readonly against?: string
  readonly atMost?: number
  readonly atLeast?: number
}

const SMALL = 4_096
const LARGE = 10 * 1024 * 1024
const DISCARDING = ['floor', 'smtp-server', 'wire', 'postroad', 'postroad-plugins']

const QUEUEING = ['postfix', 'haraka', 'smtp-server-queue', 'postroad-queue']

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'many-20',
    title: '20 sessions, many messages a connection, 4 KB',
    targets: DISCARDING,
    sessions: 20,
    octets: SMALL,
    messages: 8_000,
    warmUp: 5_000,
  },
  {
    name: 'many-200',
    title: '200 sessions, many messages a connection, 4 KB',
    targets: DISCARDING,
    sessions: 200,
    octets: SMALL,
    messages: 8_000,
    warmUp: 5_000,
    isLong: true,
  },
  {
    name: 'pipelined',
    title: '20 sessions, MAIL, RCPT and DATA in one write, 4 KB',
    targets: DISCARDING,
    sessions: 20,
    octets: SMALL,
    messages: 8_000,
    warmUp: 5_000,
    pipelined: true,
    isLong: true,
  },
  {
    name: 'one-20',
    title: '20 sessions, one message a connection, 4 KB',
    targets: DISCARDING,
    sessions: 20,
    octets: SMALL,
    messages: 4_000,
    warmUp: 5_000,
    single: true,
  },
  {
    name: 'one-200',
    title: '200 sessions, one message a connection, 4 KB',
    targets: DISCARDING,
    sessions: 200,
    octets: SMALL,
    messages: 4_000,
    warmUp: 5_000,
    single: true,
    isLong: true,
  },
  {
    name: 'large',
    title: '10 sessions, 10 MB',
    targets: ['floor', 'smtp-server', 'wire', 'postroad'],
    sessions: 10,
    octets: LARGE,
    messages: 40,
    warmUp: 30,
  },
  {
    name: 'large-50',
    title: '50 sessions at once, 10 MB each: memory is bounded',
    targets: ['postroad'],
    sessions: 50,
    octets: LARGE,
    messages: 50,
    warmUp: 50,
    maxRounds: 2,
  },
  {
    name: 'policy',
    title: '20 sessions, 4 KB, with every check of a mail exchanger',
    targets: ['postroad', 'postroad-policy'],
    sessions: 20,
    octets: SMALL,
    messages: 4_000,
    warmUp: 5_000,
  },
  {
    name: 'scan',
    title: 'one session, 4 KB with a signature: rspamd, clamd, SPF and DKIM, each alone and together',
    targets: ['postroad-scan-auth', 'postroad-scan-rspamd', 'postroad-scan-clamav', 'postroad-scan', 'haraka-scan'],
    sessions: 1,
    octets: SMALL,
    messages: 200,
    warmUp: 300,
    waits: true,
    get data() {
      return signedData()
    },
    besides: startScanners,
    isLong: true,
  },
  {
    name: 'telemetry',
    title: '20 sessions, 4 KB, with every check of a mail exchanger and metrics of them',
    targets: ['postroad-policy', 'postroad-telemetry'],
    sessions: 20,
    octets: SMALL,
    messages: 4_000,
    warmUp: 5_000,
    isLong: true,
  },
  {
    name: 'starttls',
    title: '20 sessions, many messages a connection, 4 KB, after STARTTLS',
    targets: ['smtp-server-starttls', 'postroad-starttls'],
    sessions: 20,
    octets: SMALL,
    messages: 8_000,
    warmUp: 5_000,
    starttls: true,
  },
  {
    name: 'proxy',
    title: '20 sessions, 4 KB, passed on to a sink before 250',
    targets: ['smtp-server-nodemailer', 'postroad-proxy'],
    sessions: 20,
    octets: SMALL,
    messages: 4_000,
    warmUp: 5_000,
  },
  {
    name: 'queue',
    title: '20 sessions, 4 KB, on stable storage before 250, then delivered to a sink',
    targets: QUEUEING,
    sessions: 20,
    octets: SMALL,
    messages: 3_000,
    warmUp: 5_000,
    forwards: true,
  },
  {
    name: 'queue-trust',
    title:
      '20 sessions, 4 KB, on stable storage before 250, then delivered to a sink by MX: without and with DANE and MTA-STS',
    targets: ['postroad-queue-mx', 'postroad-queue-trust'],
    sessions: 20,
    octets: SMALL,
    messages: 3_000,
    warmUp: 5_000,
    forwards: true,
    isLong: true,
  },
  {
    name: 'redis-queue',
    title: '20 sessions, 4 KB, on stable storage before 250, then delivered to a sink: embedded, and in Redis',
    targets: ['postroad-queue', 'postroad-redis-queue'],
    sessions: 20,
    octets: SMALL,
    messages: 3_000,
    warmUp: 5_000,
    forwards: true,
    isLong: true,
  },
  {
    name: 'queue-200',
    title: '200 sessions, 4 KB, on stable storage before 250, then delivered to a sink',
    targets: QUEUEING,
    sessions: 200,
    octets: SMALL,
    messages: 3_000,
    warmUp: 5_000,
    forwards: true,
    isLong: true,
  },
  {
    name: 'queue-one',
    title: '20 sessions, one message a connection, 4 KB, on stable storage before 250, then delivered to a sink',
    targets: QUEUEING,
    sessions: 20,
    octets: SMALL,
    messages: 3_000,
    warmUp: 5_000,
    single: true,
    forwards: true,
    isLong: true,
  },
  {
    name: 'queue-one-200',
    title: '200 sessions, one message a connection, 4 KB, on stable storage before 250, then delivered to a sink',
    targets: QUEUEING,
    sessions: 200,
    octets: SMALL,
    messages: 3_000,
    warmUp: 5_000,
    single: true,
    forwards: true,
    isLong: true,
  },
  {
    name: 'backlog',
    title: '20 sessions, 4 KB, queued and delivered beside 100,000 deferred messages',
    targets: ['postroad-queue', 'postroad-queue-backlog'],
    sessions: 20,
    octets: SMALL,
    messages: 10_000,
    warmUp: 10_000,
    forwards: true,
    isLong: true,
  },
  {
    name: 'queue-large',
    title: '10 sessions, 10 MB, on stable storage before 250, then delivered to a sink',
    targets: QUEUEING,
    sessions: 10,
    octets: LARGE,
    messages: 40,
    warmUp: 30,
    forwards: true,
    isLong: true,
  },
  {
    name: 'idle',
    title: '5,000 sessions after EHLO',
    targets: ['floor', 'smtp-server', 'wire', 'postroad'],
    sessions: 5_000,
    octets: 0,
    messages: 0,
    warmUp: 2_000,
    idle: true,
  },
]

const SMALL_SCENARIOS = ['many-20', 'many-200', 'pipelined', 'one-20', 'one-200']
const QUEUE_SCENARIOS = ['queue', 'queue-200', 'queue-one', 'queue-one-200']

export const BARS: readonly Bar[] = [
  { scenario: 'many-20', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.7 },
  { scenario: 'many-200', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.7 },
  { scenario: 'one-20', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.8 },
  { scenario: 'one-200', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.8 },
  { scenario: 'many-20', figure: 'cpu', target: 'postroad-plugins', against: 'postroad', atMost: 1.15 },
  { scenario: 'large', figure: 'cpu', target: 'wire', against: 'floor', atMost: 1.6 },
  { scenario: 'large', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.6 },
  { scenario: 'proxy', figure: 'cpu', target: 'postroad-proxy', against: 'smtp-server-nodemailer', atMost: 0.6 },
  ...SMALL_SCENARIOS.map(
    (scenario): Bar => ({ scenario, figure: 'rate', target: 'postroad', against: 'smtp-server', atLeast: 1 }),
  ),
  { scenario: 'large', figure: 'rate', target: 'postroad', against: 'smtp-server', atLeast: 1 },
  { scenario: 'large-50', figure: 'peakRss', target: 'postroad', atMost: 600 },
  { scenario: 'policy', figure: 'cpu', target: 'postroad-policy', against: 'postroad', atMost: 3 },
  { scenario: 'policy', figure: 'peakRss', target: 'postroad-policy', atMost: 260 },
  { scenario: 'telemetry', figure: 'cpu', target: 'postroad-telemetry', against: 'postroad-policy', atMost: 1.3 },
  { scenario: 'scan', figure: 'wait', target: 'postroad-scan', against: 'postroad-scan-*', atMost: 1.1 },
  { scenario: 'starttls', figure: 'rate', target: 'postroad-starttls', against: 'smtp-server-starttls', atLeast: 1 },
  ...QUEUE_SCENARIOS.flatMap((scenario): Bar[] => [
    { scenario, figure: 'rate', target: 'postroad-queue', against: 'postfix', atLeast: 3 },
    { scenario, figure: 'cpu', target: 'postroad-queue', against: 'postfix', atMost: 0.33 },
    { scenario, figure: 'rate', target: 'postroad-queue', against: 'haraka', atLeast: 2.5 },
  ]),
  { scenario: 'queue', figure: 'rate', target: 'postroad-queue', against: 'smtp-server-queue', atLeast: 1 },
  { scenario: 'backlog', figure: 'rate', target: 'postroad-queue-backlog', against: 'postroad-queue', atLeast: 0.9 },
  { scenario: 'queue-large', figure: 'rate', target: 'postroad-queue', against: 'postfix', atLeast: 1 },
  { scenario: 'queue-large', figure: 'cpu', target: 'postroad-queue', against: 'postfix', atMost: 0.7 },
  { scenario: 'idle', figure: 'idle', target: 'postroad', atMost: 20_000 },
]
