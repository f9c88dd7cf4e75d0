/** What is measured, and what is expected of it. */

import type { Speech } from './drive.ts'
import { filteredData, startZone } from './filters.ts'
import { HARAKA_SCENARIOS } from './haraka/scenario.ts'
import { htmlMessage } from './html-message.ts'
import { MICRO_SCENARIOS } from './micro-scenario.ts'
import { QUEUE_SCENARIOS } from './queue-scenario.ts'
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
  /** Targets that are so slow that a few seconds of them, warming up and in a round, tell as much. */
  readonly slow?: readonly string[]
  /** Rounds at most, where one more would tell nothing new. */
  readonly maxRounds?: number
  readonly single?: boolean
  readonly pipelined?: boolean
  /** After STARTTLS; the targets have a certificate. */
  readonly starttls?: boolean
  /** The targets answer first and deliver to the sink later: a round lasts until the sink has everything. */
  readonly forwards?: boolean
  /** Name of the file in `targets/` that is the next hop. Default: `floor`, which does not offer CHUNKING. */
  readonly sink?: string
  /** Measures the memory of sessions that do nothing instead. */
  readonly idle?: boolean
  /** How long a message waits for its reply is what is measured. */
  readonly waits?: boolean
  /** Its clock is that of the whole transaction, from MAIL to the reply to its data, on sessions that stay. */
  readonly isWhole?: boolean
  /** Messages are due at these parts of the full rate of the first target, and wait from then on. */
  readonly shares?: readonly number[]
  /** The message, where it is not one of `octets`, as DATA has it. */
  readonly data?: Buffer | undefined
  /** What is spoken to a target, at its UNIX socket, in place of SMTP. */
  readonly speaks?: Readonly<Record<string, Speech>>
  /** Each target has one core, with all it starts. */
  readonly oneCore?: boolean
  /** The targets are files here that measure themselves, a round each time they are run: they print milliseconds of CPU a message. */
  readonly isMicro?: boolean
  /** What is measured is the start of programs: "a message" is one start, and memory is that of an idle server after it. */
  readonly isStart?: boolean
  /** Name by which it can be chosen with others. */
  readonly group?: string
  /** Starts what all targets ask; they hear of it by their environment. */
  readonly besides?: () => Promise<AsyncDisposable>
  /** Left out by `--quick`. */
  readonly isLong?: boolean
}

const SMALL = 4_096
const LARGE = 10 * 1024 * 1024
const DISCARDING = ['floor', 'smtp-server', 'wire', 'postroad', 'postroad-plugins']

/** Of what is measured beside the checks of a mail exchanger. */
const BESIDE_CHECKS = { sessions: 20, octets: SMALL, messages: 4_000, warmUp: 5_000, isLong: true } as const

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'many-20',
    title: '20 sessions, many messages a connection, 4 KB',
    targets: DISCARDING,
    sessions: 20,
    octets: SMALL,
    messages: 8_000,
    warmUp: 15_000,
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
    warmUp: 15_000,
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
    warmUp: 15_000,
  },
  {
    name: 'scan',
    title: 'one session, 4 KB with a signature: rspamd, clamd, SPF and DKIM, each alone and together',
    targets: ['postroad-scan-auth', 'postroad-scan-rspamd', 'postroad-scan-clamav', 'postroad-scan', 'haraka-scan'],
    sessions: 1,
    octets: SMALL,
    messages: 200,
    warmUp: 1_500,
    waits: true,
    get data() {
      return signedData()
    },
    besides: startScanners,
    isLong: true,
  },
  ...HARAKA_SCENARIOS,
  {
    name: 'content',
    title: 'one session, 20 KB of HTML: MIME parsed, and headers, html and urls on top of it',
    targets: ['postroad-mime', 'postroad-content', 'postroad'],
    sessions: 1,
    octets: SMALL,
    messages: 400,
    warmUp: 1_500,
    waits: true,
    data: htmlMessage(),
    isLong: true,
  },
  // biome-ignore format: short
  { name: 'receive', title: '20 sessions, 4 KB: a function of a program by `receive`, and the same as a plugin', targets: ['receive-plugin', 'receive'], sessions: 20, octets: SMALL, messages: 2_000, warmUp: 3_000, isLong: true },
  {
    name: 'milter',
    title:
      '20 sessions, 4 KB with a signature, SPF, DKIM and DMARC: beside Postfix (the CPU of its filters alone), and by SMTP',
    targets: ['postfix-debian', 'postfix-postroad', 'postroad-auth'],
    sessions: 20,
    octets: SMALL,
    messages: 2_000,
    warmUp: 5_000,
    get data() {
      return filteredData()
    },
    besides: startZone,
    isLong: true,
  },
  {
    name: 'milter-wait',
    group: 'milter',
    title: 'one session of milter, 4 KB with a signature: how long a message waits, from MAIL to the last answer',
    targets: ['milter-continue', 'postroad-milter'],
    sessions: 1,
    octets: SMALL,
    messages: 2_000,
    warmUp: 20_000,
    waits: true,
    speaks: { 'milter-continue': 'milter', 'postroad-milter': 'milter' },
    get data() {
      return filteredData()
    },
    besides: startZone,
    isLong: true,
  },
  {
    name: 'auth',
    title:
      '20 sessions, 4 KB with a signature: SPF and DKIM by Haraka, and these, DMARC and the field that tells of them here',
    targets: ['haraka-auth', 'postroad-auth'],
    sessions: 20,
    octets: SMALL,
    messages: 3_000,
    warmUp: 15_000,
    slow: ['haraka-auth'],
    get data() {
      return filteredData()
    },
    besides: startZone,
    isLong: true,
  },
  {
    name: 'milter-cpu',
    group: 'milter',
    title: '20 sessions, 4 KB with a signature, SPF, DKIM and DMARC: by SMTP, and by milter',
    targets: ['postroad-auth', 'postroad-milter'],
    sessions: 20,
    octets: SMALL,
    messages: 4_000,
    warmUp: 20_000,
    speaks: { 'postroad-milter': 'milter' },
    get data() {
      return filteredData()
    },
    besides: startZone,
    isLong: true,
  },
  {
    name: 'policy-service',
    title:
      'questions of 20 smtpd of Postfix, at RCPT, each service on one core: SPF of 750 clients, first attempts at greylisting',
    targets: ['policyd-spf', 'postroad-policy-spf', 'postgrey', 'postroad-policy-greylist'],
    sessions: 20,
    octets: 0,
    messages: 40_000,
    warmUp: 40_000,
    slow: ['policyd-spf', 'postgrey'],
    waits: true,
    speaks: {
      'policyd-spf': 'policy',
      'postroad-policy-spf': 'policy',
      postgrey: 'policy',
      'postroad-policy-greylist': 'policy',
    },
    oneCore: true,
    besides: startZone,
    isLong: true,
  },
  {
    name: 'telemetry',
    title: '20 sessions, 4 KB, with every check of a mail exchanger and metrics of them',
    targets: ['postroad-policy', 'postroad-telemetry'],
    ...BESIDE_CHECKS,
  },
  {
    name: 'junk',
    title: '20 sessions, 4 KB, with every check of a mail exchanger: without and with a junk filter that has learned',
    targets: ['postroad-policy', 'postroad-junk'],
    ...BESIDE_CHECKS,
  },
  {
    name: 'console-records',
    group: 'console',
    title: '20 sessions, 4 KB, with every check of a mail exchanger and its log: without and with records of it',
    targets: ['postroad-logged', 'postroad-records'],
    ...BESIDE_CHECKS,
  },
  {
    name: 'console-viewers',
    group: 'console',
    title: '20 sessions, 4 KB, with every check of a mail exchanger and the admin interface: nobody looks, and ten do',
    targets: ['postroad-console', 'postroad-watched'],
    ...BESIDE_CHECKS,
  },
  ...MICRO_SCENARIOS,
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
    name: 'starttls-one',
    title: '20 sessions, one message a connection, 4 KB, after STARTTLS; and handshakes alone',
    targets: ['openssl', 'smtp-server-starttls', 'postroad-starttls'],
    sessions: 20,
    octets: SMALL,
    messages: 2_000,
    warmUp: 6_000,
    single: true,
    starttls: true,
    speaks: { openssl: 'handshake' },
    isLong: true,
  },
  {
    name: 'workers',
    title: '40 sessions, many messages a connection, 4 KB: one process, and two workers with their supervisor',
    targets: ['postroad-process', 'postroad-workers'],
    sessions: 40,
    octets: SMALL,
    messages: 20_000,
    warmUp: 40_000,
    isLong: true,
  },
  ...QUEUE_SCENARIOS,
  {
    name: 'start',
    title:
      'from the command to the banner (p50), CPU until then, and memory two seconds later: built packages, and a bare program',
    targets: ['node-banner', 'postroad-start', 'postroad-start-queue'],
    sessions: 0,
    octets: 0,
    messages: 1,
    warmUp: 0,
    isStart: true,
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
