/** Pieces that many answers are made of. Times are milliseconds since the epoch, durations milliseconds, sizes octets. */
import { z } from 'zod'

/** A moment, in milliseconds since the epoch. */
export const time = z.number().int().nonnegative().describe('Milliseconds since the epoch')
/** A time that something takes, in milliseconds. */
export const duration = z.number().nonnegative().describe('Milliseconds')
/** A size. */
export const octets = z.number().int().nonnegative().describe('Octets')
/** How many. */
export const count = z.number().int().nonnegative()
/** A share of all, from 0 to 1. */
export const share = z.number().min(0).max(1)

/** What a caller may, and what it includes: `operate` may read, `admin` may all. */
export const role = z.enum(['read', 'operate', 'admin'])

/** Who has answered: an answer of three of four workers says so. */
export const workers = z
  .object({ asked: count, answered: count })
  .describe('Workers that were asked, and those that have answered in time')

/** What stands in every answer. */
export const base = { generation: count.describe('Number of the configuration in force, counted from 1'), workers }

/** A reply of a server, RFC 5321 §4.2. */
export const reply = z.object({
  code: z.number().int(),
  status: z.string().optional().describe('Enhanced status, RFC 3463'),
  text: z.string(),
})

/** `<>` is the empty string. */
export const address = z.string().describe('local@domain; empty for the null reverse-path')

/** Sentences are made on the server, so that `postroad why` and the page say the same. */
export const part = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('text'), text: z.string() }),
  z.object({ kind: z.literal('plugin'), name: z.string() }),
  z.object({ kind: z.literal('code'), text: z.string().describe('A reply, an address of a client, a name') }),
  z.object({ kind: z.literal('address'), text: address }),
  z.object({ kind: z.literal('duration'), ms: duration }),
  z.object({ kind: z.literal('time'), at: time }),
])
/** A sentence in parts, so that `postroad why` and the page say the same. */
export const sentence = z.array(part)

/** Whether what a plugin says is obeyed. */
export const mode = z.enum(['enforce', 'shadow'])
/** How a transaction ended. */
export const outcome = z
  .enum(['accepted', 'quarantined', 'discarded', 'deferred', 'refused', 'left'])
  .describe('How a transaction ended; `left`: the client went away before it was told anything')

/** How lists go on: `next` of an answer is `before` of the next request. */
export const page = {
  before: z.string().max(200).optional().describe('`next` of the answer before'),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
}
/** Where the rest of a list begins. */
export const next = z.string().optional().describe('Absent: there is no more')

/** `15m`, `24h`, `7d`; a number is milliseconds. */
export const span = z
  .string()
  .regex(/^\d{1,13}(?:ms|s|m|h|d)?$/)
  .describe('A duration such as 15m, 24h or 7d; a number alone is milliseconds')
