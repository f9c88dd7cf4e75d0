/** How filters that learn are doing, as those of this process say when they are asked. */
import { channel } from 'node:diagnostics_channel'
import { Gauge, type Registry } from 'prom-client'

interface Sample {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** Milliseconds: a filter that does not answer is left out of this scrape. */
const PATIENCE = 500

const statsRequest = channel('postroad:junk:stats')

interface Shape {
  readonly help: string
  readonly labels?: readonly string[]
  /** Workers have the same filter. Of two that differ for a moment the one counts that an operator should hear of. */
  readonly aggregator?: 'min'
}

const GAUGES: Readonly<Record<string, Shape>> = {
  ready: { help: '1: enough was learned, and junk is treated as the options say', aggregator: 'min' },
  learning: { help: '0: canaries have stopped it', aggregator: 'min' },
  trouble: { help: '1: what was learned cannot be read or written' },
  lessons: { help: 'Messages that were learned', labels: ['label'] },
  lessons_paused: { help: 'Lessons that were not learned, as learning was stopped' },
  users: { help: 'Users who have taught it' },
  threshold: { help: 'Verdict from which on mail is junk' },
  today: {
    help: 'Of the messages that were called so today: all, and those it would have got wrong',
    labels: ['label', 'outcome'],
  },
  today_log_loss: { help: 'Mean logarithmic loss of what it thought of them before' },
  journal_octets: { help: 'Octets of the journal of lessons' },
}

/** Shows what filters answer. */
export function measureJunk(registry: Registry): void {
  // The gauges of one scrape are filled at the same time.
  let asking: Promise<ReadonlyMap<string, readonly Sample[]>> | undefined
  const ask = (): Promise<ReadonlyMap<string, readonly Sample[]>> => {
    asking ??= askFilters().finally(() => {
      asking = undefined
    })
    return asking
  }
  for (const [name, { help, labels = [], aggregator = 'max' }] of Object.entries(GAUGES))
    new Gauge({
      name: `postroad_junk_${name}`,
      help,
      labelNames: ['filter', ...labels],
      registers: [registry],
      aggregator,
      async collect() {
        this.reset()
        for (const [filter, samples] of await ask())
          for (const sample of samples) if (sample.name === name) this.set({ filter, ...sample.labels }, sample.value)
      },
    })
}

/** One answer for each filter, whoever has it open. */
async function askFilters(): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const asked = new Map<string, Promise<readonly Sample[] | undefined>>()
  statsRequest.publish({
    add: (filter: string, samples: Promise<readonly Sample[]>) => asked.set(filter, inTime(samples)),
  })
  const answers = new Map<string, readonly Sample[]>()
  for (const [filter, answer] of asked) {
    const samples = await answer
    if (samples) answers.set(filter, samples)
  }
  return answers
}

async function inTime(samples: Promise<readonly Sample[]>): Promise<readonly Sample[] | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, undefined)
  })
  // What is wrong with it is in its own log, and there is no number.
  return Promise.race([samples.catch(() => undefined), late]).finally(() => clearTimeout(timer))
}
