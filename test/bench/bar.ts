/** What the figures of the scenarios have to be. */

/** A figure that has to hold: `target` divided by `against` (or by itself: an absolute figure, `cpu` in ms a message, `wait` in ms). */
export interface Bar {
  readonly scenario: string
  /** `peakRss` in MB, `idle` in octets a session; both only by themselves. */
  readonly figure: 'cpu' | 'rate' | 'wait' | 'wait99' | 'idle' | 'peakRss'
  readonly target: string
  /** `name-*`: the slowest of those whose names begin so. */
  readonly against?: string
  /** By how much it is more than `against`, instead of how many times as much; `wait` (p50) and `wait99` (p99) in ms. */
  readonly isDifference?: boolean
  readonly atMost?: number
  readonly atLeast?: number
}

const SMALL_SCENARIOS = ['many-20', 'many-200', 'pipelined', 'one-20', 'one-200']
/** CPU and rate, of those of Postfix. */
const QUEUE_SCENARIOS = {
  queue: [0.12, 5.5],
  'queue-chunks': [0.105, 6.5],
  'queue-one': [0.15, 4.5],
  'queue-200': [0.33, 3],
  'queue-one-200': [0.33, 3],
} as const

export const BARS: readonly Bar[] = [
  { scenario: 'many-20', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.4 },
  {
    scenario: 'many-20',
    figure: 'cpu',
    target: 'postroad',
    against: 'wire',
    isDifference: true,
    atMost: 0.025,
  },
  { scenario: 'many-200', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.7 },
  { scenario: 'one-20', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.35 },
  { scenario: 'one-200', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.8 },
  { scenario: 'many-20', figure: 'cpu', target: 'postroad-plugins', against: 'postroad', atMost: 1.15 },
  { scenario: 'large', figure: 'cpu', target: 'wire', against: 'floor', atMost: 1.6 },
  { scenario: 'large', figure: 'cpu', target: 'postroad', against: 'floor', atMost: 1.6 },
  { scenario: 'proxy', figure: 'cpu', target: 'postroad-proxy', against: 'smtp-server-nodemailer', atMost: 0.45 },
  ...SMALL_SCENARIOS.map(
    (scenario): Bar => ({ scenario, figure: 'rate', target: 'postroad', against: 'smtp-server', atLeast: 1 }),
  ),
  { scenario: 'large', figure: 'rate', target: 'postroad', against: 'smtp-server', atLeast: 1 },
  { scenario: 'large-50', figure: 'peakRss', target: 'postroad', atMost: 600 },
  { scenario: 'policy', figure: 'cpu', target: 'postroad-policy', against: 'postroad', atMost: 3 },
  {
    scenario: 'policy',
    figure: 'cpu',
    target: 'postroad-policy',
    against: 'postroad',
    isDifference: true,
    atMost: 0.1,
  },
  { scenario: 'policy', figure: 'peakRss', target: 'postroad-policy', atMost: 260 },
  { scenario: 'receive', figure: 'cpu', target: 'receive', against: 'receive-plugin', atMost: 1.2 },
  { scenario: 'telemetry', figure: 'cpu', target: 'postroad-telemetry', against: 'postroad-policy', atMost: 1.3 },
  { scenario: 'webhooks', figure: 'cpu', target: 'postroad-webhooks', against: 'postroad-queue', atMost: 1.1 },
  { scenario: 'console-records', figure: 'cpu', target: 'postroad-records', against: 'postroad-logged', atMost: 1.05 },
  { scenario: 'console-viewers', figure: 'cpu', target: 'postroad-watched', against: 'postroad-console', atMost: 1.03 },
  // Two microseconds.
  { scenario: 'console-nobody', figure: 'cpu', target: 'watching', atMost: 0.002 },
  // Five microseconds.
  { scenario: 'lookup', figure: 'cpu', target: 'lookup-cached', atMost: 0.005 },
  { scenario: 'milter', figure: 'cpu', target: 'postfix-postroad', against: 'postfix-debian', atMost: 0.333 },
  { scenario: 'milter-cpu', figure: 'cpu', target: 'postroad-milter', against: 'postroad-auth', atMost: 1.15 },
  {
    scenario: 'milter-wait',
    figure: 'wait',
    target: 'postroad-milter',
    against: 'milter-continue',
    isDifference: true,
    atMost: 0.3,
  },
  { scenario: 'policy-service', figure: 'rate', target: 'postroad-policy-spf', against: 'policyd-spf', atLeast: 20 },
  { scenario: 'policy-service', figure: 'rate', target: 'postroad-policy-greylist', against: 'postgrey', atLeast: 5 },
  { scenario: 'auth', figure: 'cpu', target: 'postroad-auth', against: 'haraka-auth', atMost: 0.35 },
  { scenario: 'scan', figure: 'wait', target: 'postroad-scan', against: 'postroad-scan-*', atMost: 1.1 },
  { scenario: 'starttls', figure: 'rate', target: 'postroad-starttls', against: 'smtp-server-starttls', atLeast: 1 },
  {
    scenario: 'starttls-one',
    figure: 'cpu',
    target: 'postroad-starttls',
    against: 'smtp-server-starttls',
    atMost: 0.8,
  },
  { scenario: 'starttls-one', figure: 'cpu', target: 'postroad-starttls', against: 'openssl', atMost: 1.4 },
  { scenario: 'workers', figure: 'cpu', target: 'postroad-workers', against: 'postroad-process', atMost: 1.15 },
  {
    scenario: 'workers-queue',
    figure: 'cpu',
    target: 'postroad-workers-queue',
    against: 'postroad-process-queue',
    atMost: 1.15,
  },
  ...Object.entries(QUEUE_SCENARIOS).flatMap(([scenario, [cpu, rate]]): Bar[] => [
    { scenario, figure: 'rate', target: 'postroad-queue', against: 'postfix', atLeast: rate },
    { scenario, figure: 'cpu', target: 'postroad-queue', against: 'postfix', atMost: cpu },
    { scenario, figure: 'rate', target: 'postroad-queue', against: 'haraka', atLeast: 2.5 },
  ]),
  { scenario: 'queue', figure: 'rate', target: 'postroad-queue', against: 'smtp-server-queue', atLeast: 1 },
  { scenario: 'redis-queue', figure: 'cpu', target: 'postroad-redis-queue', against: 'postroad-queue', atMost: 1.6 },
  ...['latency-one', 'latency-one-pipelined'].map(
    (scenario): Bar => ({ scenario, figure: 'wait', target: 'postroad-queue', against: 'postfix', atMost: 1 }),
  ),
  ...['10%', '50%', '90%'].flatMap((share): Bar[] =>
    (['wait', 'wait99'] as const).map((figure) => ({
      scenario: 'latency',
      figure,
      target: `${share} postroad-queue`,
      against: `${share} postfix`,
      atMost: 1,
    })),
  ),
  { scenario: 'injection', figure: 'rate', target: 'postroad-injection', against: 'postroad-queue', atLeast: 0.8 },
  { scenario: 'injection', figure: 'cpu', target: 'postroad-injection', against: 'postroad-queue', atMost: 1.3 },
  { scenario: 'backlog', figure: 'rate', target: 'postroad-queue-backlog', against: 'postroad-queue', atLeast: 0.9 },
  { scenario: 'queue-large', figure: 'rate', target: 'postroad-queue', against: 'postfix', atLeast: 2 },
  { scenario: 'queue-large', figure: 'cpu', target: 'postroad-queue', against: 'postfix', atMost: 0.42 },
  { scenario: 'queue-large', figure: 'peakRss', target: 'postroad-queue', atMost: 180 },
  { scenario: 'idle', figure: 'idle', target: 'postroad', atMost: 8_000 },
  { scenario: 'start', figure: 'cpu', target: 'postroad-start', atMost: 350 },
  { scenario: 'start', figure: 'wait', target: 'postroad-start', atMost: 400 },
  { scenario: 'start', figure: 'peakRss', target: 'postroad-start', atMost: 85 },
]
