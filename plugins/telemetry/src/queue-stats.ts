/** How much is queued, as the queues of this process say when they are asked; a plugin that is no queue has nothing to do with it. */
import { channel } from 'node:diagnostics_channel'
import { Gauge, type GaugeConfiguration, type Registry } from 'prom-client'

/** Of the answer to a request for stats: messages, and deliveries by where they are. */
const STATES = ['scheduled', 'waiting', 'claimed', 'held', 'corrupt'] as const

type QueueStats = Readonly<Record<'messages' | (typeof STATES)[number], number>> & {
  readonly freeBytes: number | undefined
}

/** Milliseconds: a queue that is away is left out of this scrape. */
const PATIENCE = 500

const statsRequest = channel('postroad:queue:stats')

/** Shows what is queued. Workers have the same queues open: their numbers are not added up. */
export function measureQueues(registry: Registry): void {
  // The gauges of one scrape are filled at the same time.
  let asking: Promise<readonly QueueStats[]> | undefined
  const ask = (): Promise<readonly QueueStats[]> => {
    asking ??= askQueues().finally(() => {
      asking = undefined
    })
    return asking
  }
  const gauge = <L extends string>(
    name: string,
    help: string,
    shape: Pick<GaugeConfiguration<L>, 'collect' | 'labelNames'>,
  ): Gauge<L> => new Gauge({ name: `postroad_queue_${name}`, help, ...shape, registers: [registry], aggregator: 'max' })
  gauge('messages', 'Queued messages', {
    async collect() {
      const queues = await ask()
      if (queues.length > 0) this.set(sum(queues, 'messages'))
      else this.remove()
    },
  })
  gauge('deliveries', 'Queued deliveries, by where they are', {
    labelNames: ['state'],
    async collect() {
      const queues = await ask()
      this.reset()
      if (queues.length > 0) for (const state of STATES) this.set({ state }, sum(queues, state))
    },
  })
  gauge('free_bytes', 'Octets free where the queue is; of several queues the least', {
    async collect() {
      const free = (await ask()).flatMap(({ freeBytes }) => freeBytes ?? [])
      if (free.length > 0) this.set(Math.min(...free))
      else this.remove()
    },
  })
}

function sum(queues: readonly QueueStats[], what: 'messages' | (typeof STATES)[number]): number {
  return queues.reduce((all, queue) => all + queue[what], 0)
}

/** One answer for each queue, whoever has it open. */
async function askQueues(): Promise<readonly QueueStats[]> {
  const queues = new Map<string, Promise<QueueStats | undefined>>()
  statsRequest.publish({ add: (queue: string, stats: Promise<QueueStats>) => queues.set(queue, inTime(stats)) })
  const answers = await Promise.all(queues.values())
  return answers.filter((answer) => answer !== undefined)
}

async function inTime(stats: Promise<QueueStats>): Promise<QueueStats | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, undefined)
  })
  // Away, or damaged: the queue has told its own log, and there is no number.
  return Promise.race([stats.catch(() => undefined), late]).finally(() => clearTimeout(timer))
}
