/** Takes what the decision was to quarantine: keeps it durably, shows it to an operator, and sends it on when they say so. */
import { glob } from '@postroad/options'
import { Clock, definePlugin, desk, Events, Lock, QuarantineDesk, Queue, Spool, Store } from '@postroad/plugin'
import { quarantineCommands } from './command.ts'
import { quarantineDesk } from './desk.ts'
import { digesting } from './digest/digesting.ts'
import { entryOf } from './entry.ts'
import { options } from './options.ts'
import { Vault } from './vault.ts'

const HOUR = 3_600_000

/**
 * Keeps quarantined messages until they are released, deleted, or too old. A released message goes to a listener whose scope
 * has none of the plugins that quarantined it, so it enters again after them.
 *
 * @example mx.use(quarantine({ keep: '14 d', release: { port: 2526 } }))
 */
export const quarantine = definePlugin({
  name: 'quarantine',
  options,
  needs: { spool: Spool, store: Store, clock: Clock, lock: Lock, queue: Queue, events: Events },
  setup({ options, spool, store, clock, lock, queue, events, hostname, log, signal, rehearsal, resolve, folder }) {
    const vault = new Vault(spool, store)
    const digests =
      options.digest &&
      digesting(options.digest, {
        canRelease: options.release !== undefined,
        vault,
        store,
        clock,
        lock,
        queue,
        hostname,
        log,
        resolve,
        folder,
      })
    const own = quarantineDesk({ vault, options, clock, lock, hostname, digests: digests?.digests })
    const reasons = options.matches.map(glob)
    let timer: NodeJS.Timeout | undefined
    let running: Promise<void> | undefined
    const expire = async (): Promise<void> => {
      try {
        const deleted = await lock.tryWith('quarantine:expire', HOUR, (lost) =>
          vault.expire(clock.now(), AbortSignal.any([lost, signal])),
        )
        if (deleted) log.info({ deleted }, 'quarantined messages were too old')
      } catch (error) {
        if (!signal.aborted) log.warn({ error }, 'quarantined messages could not be expired')
      }
    }
    return {
      quarantine: {
        timeout: 60_000,
        async handler(context) {
          if (!reasons.some((fits) => fits(context.reason))) return
          const entry = entryOf(context, options.keep)
          const isDigest = (await digests?.isOwn(context.message, entry)) ?? false
          await vault.putUnless(
            context.signal,
            { ...entry, ...(isDigest && { isDigest }) },
            { message: context.message, now: context.now() },
          )
          try {
            const { envelope: transaction, from, recipients, reason, points } = entry
            const to = recipients.map(({ address }) => address)
            const detail = { reason, points, id: entry.id }
            await events.publish({ kind: 'quarantined', transaction, from, to, detail }, context.signal)
          } catch (error) {
            // The client hears that it was not taken, and comes again.
            await vault.delete(entry.id).catch(() => undefined)
            throw error
          }
          return { id: entry.id }
        },
      },
      commands: quarantineCommands({ vault, desk: own, clock, keys: digests?.keys }),
      desks: [desk(QuarantineDesk, own)],
      ...(digests && { routes: digests.routes(own), remarks: digests.remarks }),
      start() {
        if (rehearsal) return
        running = digests?.digests.run(signal)
        void expire()
        timer = setInterval(() => void expire(), HOUR).unref()
      },
      async close() {
        clearInterval(timer)
        await running
      },
    }
  },
})
