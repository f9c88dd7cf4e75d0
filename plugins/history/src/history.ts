/** Keeps the records of the server, so that `postroad why` can say what became of a mail. */
import { sizeOf } from '@postroad/options/zod'
import { definePlugin, Feed } from '@postroad/plugin'
import { MailRecords } from '@postroad/records'
import { z } from 'zod'

const schema = z.strictObject({
  /** What is older is deleted. */
  days: z.number().int().min(1).max(3_650).default(14),
  /** Octets of all records; what is more is deleted, the oldest first. */
  bytes: sizeOf({ min: 1_048_576 }).prefault('2 GiB'),
})

/**
 * Keeps a record of each transaction, refused login and delivery in the folder `records` of the server, for `postroad why`.
 *
 * @example app.use(history({ days: 30 }))
 */
export const history = definePlugin({
  name: 'history',
  options: schema,
  needs: { feed: Feed, records: MailRecords },
  setup({ options, feed, records, log, rehearsal }) {
    let stop: (() => void) | undefined
    return {
      start() {
        if (!rehearsal) stop = records.keep(feed, { ...options, log })
      },
      close: () => stop?.(),
    }
  },
})
