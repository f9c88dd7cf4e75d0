/** Scenarios of mail that goes on: passed on before 250, or kept and delivered. */
import type { Scenario } from './scenario.ts'

const SMALL = 4_096
const LARGE = 10 * 1024 * 1024
const QUEUEING = ['postfix', 'haraka', 'smtp-server-queue', 'postroad-queue']

/** Small mail that is passed on before 250, and that is kept and delivered: warm enough that the compiler is done. */
const PASSED_ON = { sessions: 20, octets: SMALL, messages: 4_000, warmUp: 15_000 }
const KEPT = { sessions: 20, octets: SMALL, messages: 3_000, warmUp: 15_000, forwards: true }

/** Transaction after transaction of one session. */
const ALONE = {
  targets: ['postfix', 'postroad-queue'],
  sessions: 1,
  octets: SMALL,
  messages: 1_000,
  warmUp: 5_000,
  slow: ['postfix'],
  forwards: true,
  waits: true,
  isWhole: true,
  isLong: true,
} as const

/** Little, half, and nearly all that Postfix takes. */
const LATENCY_SHARES = [0.1, 0.5, 0.9]

export const QUEUE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'proxy',
    title: '20 sessions, 4 KB, passed on to a sink before 250',
    targets: ['smtp-server-nodemailer', 'postroad-proxy'],
    ...PASSED_ON,
  },
  {
    name: 'queue',
    title: '20 sessions, 4 KB, on stable storage before 250, then delivered to a sink',
    targets: QUEUEING,
    ...KEPT,
  },
  {
    name: 'proxy-chunks',
    title: '20 sessions, 4 KB, passed on before 250 to a sink that offers CHUNKING',
    targets: ['smtp-server-nodemailer', 'postroad-proxy'],
    ...PASSED_ON,
    sink: 'sink',
    isLong: true,
  },
  {
    name: 'queue-chunks',
    title: '20 sessions, 4 KB, on stable storage before 250, then delivered to a sink that offers CHUNKING',
    targets: QUEUEING,
    ...KEPT,
    sink: 'sink',
    isLong: true,
  },
  {
    name: 'queue-trust',
    title:
      '20 sessions, 4 KB, on stable storage before 250, then delivered to a sink by MX: without and with DANE and MTA-STS',
    targets: ['postroad-queue-mx', 'postroad-queue-trust'],
    ...KEPT,
    isLong: true,
  },
  {
    name: 'webhooks',
    title: '20 sessions, 4 KB, on stable storage before 250, then delivered to a sink: without and with webhooks',
    targets: ['postroad-queue', 'postroad-webhooks'],
    sessions: 20,
    octets: SMALL,
    messages: 3_000,
    warmUp: 15_000,
    forwards: true,
    isLong: true,
  },
  {
    name: 'redis-queue',
    title: '20 sessions, 4 KB, on stable storage before 250, then delivered to a sink: embedded, and in Redis',
    targets: ['postroad-queue', 'postroad-redis-queue'],
    ...KEPT,
    isLong: true,
  },
  {
    name: 'workers-queue',
    group: 'workers',
    title: '40 sessions, 4 KB, queued and delivered: one process, and two workers with their supervisor',
    targets: ['postroad-process-queue', 'postroad-workers-queue'],
    sessions: 40,
    octets: SMALL,
    messages: 8_000,
    warmUp: 40_000,
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
    warmUp: 15_000,
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
    warmUp: 15_000,
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
    warmUp: 15_000,
    single: true,
    forwards: true,
    isLong: true,
  },
  {
    name: 'latency-one',
    title: 'one session, 4 KB, on stable storage before 250: how long a transaction takes, from MAIL to 250',
    ...ALONE,
  },
  {
    name: 'latency-one-pipelined',
    title: 'one session, 4 KB, MAIL, RCPT and DATA in one write, on stable storage: how long a transaction takes',
    ...ALONE,
    pipelined: true,
  },
  {
    name: 'latency',
    title:
      '20 open sessions, 4 KB, on stable storage: how long from when a message is due, at shares of the full rate of Postfix',
    targets: ['postfix', 'postroad-queue'],
    sessions: 20,
    octets: SMALL,
    messages: 2_000,
    warmUp: 15_000,
    maxRounds: 3,
    forwards: true,
    waits: true,
    isWhole: true,
    shares: LATENCY_SHARES,
    isLong: true,
  },
  {
    name: 'injection',
    title: '20 clients, 4 KB, on stable storage before the answer, then delivered to a sink: SMTP, and JSON over HTTP',
    targets: ['postroad-queue', 'postroad-injection'],
    sessions: 20,
    octets: SMALL,
    messages: 3_000,
    warmUp: 15_000,
    forwards: true,
    speaks: { 'postroad-injection': 'injection' },
    isLong: true,
  },
  {
    name: 'backlog',
    title: '20 sessions, 4 KB, queued and delivered beside 100,000 deferred messages',
    targets: ['postroad-queue', 'postroad-queue-backlog'],
    sessions: 20,
    octets: SMALL,
    messages: 10_000,
    warmUp: 15_000,
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
]
