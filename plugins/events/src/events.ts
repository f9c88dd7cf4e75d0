/** Tells programs what becomes of mail: signed webhooks, functions and files, at least once, in the order of each message. */
import { readFileSync } from 'node:fs'
import { Clock, Dns, definePlugin, Lock } from '@postroad/plugin'
import { MailOutbox } from '@postroad/queue-engine'
import { eventCommands } from './command.ts'
import { httpSink } from './http-sink.ts'
import { type EndpointOptions, options } from './options.ts'
import { fileSink, functionSink } from './own-sinks.ts'
import { Runner } from './runner.ts'
import type { EventSink } from './sink.ts'
import { answerStats } from './stats.ts'

const FULL = { code: 452, status: '4.3.1', text: 'Insufficient system storage, try again later' } as const
const NOT_READY = { code: 451, status: '4.3.0', text: 'The server is starting, try again later' } as const

/**
 * Tells programs of mail. It stands beside a queue, whose outbox it reads.
 *
 * @example
 * app.use(queue()).use(events({ endpoints: [{ name: 'shop', url: 'https://shop.example.com/mail', secrets: 'whsec_…' }] }))
 */
export const events = definePlugin({
  name: 'events',
  options,
  needs: { outbox: MailOutbox, clock: Clock, dns: Dns, lock: Lock },
  setup({ name, options, outbox, clock, dns, lock, log, hostname, resolve, rehearsal }) {
    const sinkOf = (endpoint: EndpointOptions): EventSink => {
      const { url, deliver, file, ca, batch, format, timeout } = endpoint
      if (deliver) return functionSink(deliver, timeout)
      if (file !== undefined) return fileSink(resolve(file))
      return httpSink({
        endpoint: { ...endpoint, url: url ?? '' },
        dns,
        shape: { format, isBatch: batch > 1, source: `//${hostname}/` },
        ca: ca === undefined ? undefined : readFileSync(resolve(ca), 'utf8'),
        now: () => clock.now(),
      })
    }
    const sinks = options.endpoints.map(sinkOf)
    const runner = new Runner({ options, name, outbox, lock, clock, log, sinks })
    let isStarted = false
    // Also where nothing is started: a command that gives up on mail writes that down, too.
    const subscriber = {
      kinds: new Set(options.endpoints.flatMap(({ kinds }) => kinds)),
      admit: () => (!isStarted ? undefined : !runner.isRegistered ? NOT_READY : runner.isFull ? FULL : undefined),
      written: () => runner.written(),
    }
    outbox.subscribers.add(subscriber)
    let stopAnswering: (() => void) | undefined
    return {
      commands: eventCommands({ options, outbox, now: () => clock.now() }),
      async start() {
        if (rehearsal) return
        isStarted = true
        await runner.start()
        stopAnswering = answerStats(runner, () => clock.now())
      },
      async close() {
        stopAnswering?.()
        await runner.close()
        outbox.subscribers.delete(subscriber)
      },
    }
  },
})
