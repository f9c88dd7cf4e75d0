/** What an operator may say to `junk`. */
import { parseAddress } from '@postroad/mail'
import { DAY, durationOf, network } from '@postroad/options/zod'
import { scanAction } from '@postroad/upstream/zod'
import { z } from 'zod'

const BUDGET = /^1 in (\d{1,3}(?:[ ,_]?\d{3})*|\d+)$/

/** The number of `1 in 2000`. */
export function parseBudget(text: string): number | undefined {
  const digits = BUDGET.exec(text.trim())?.[1]?.replaceAll(/[ ,_]/g, '')
  const oneIn = Number(digits)
  return digits !== undefined && oneIn >= 10 && oneIn <= 20_000 ? oneIn : undefined
}

const budget = z
  .string()
  .refine((text) => parseBudget(text) !== undefined, {
    error: ({ input }) =>
      `${JSON.stringify(input)} is no budget: say how many of your wanted messages may be taken for junk, "1 in 2000" (from 1 in 10 to 1 in 20000)`,
  })
  .prefault('1 in 2000')
  .transform((text) => parseBudget(text) ?? 2_000)

const mailbox = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, {
    error: ({ input }) => `${JSON.stringify(input)} is no address such as "spam@junk.local"`,
  })
  .transform((text) => text.toLowerCase())

/** The options of {@link junk}. */
export const options = z.strictObject({
  budget: budget.describe(
    'How many of the wanted messages may be taken for junk: `1 in 2000`. The threshold follows from the scores of recent wanted mail, and until enough of it was learned nothing is done',
  ),
  junk: scanAction
    .default(6)
    .describe(
      'What a message above that threshold is worth: points, or `reject`, `defer`, `quarantine`, `none`. Of points those of the recipient count who has the lowest score; anything else is done for each recipient by itself',
    ),
  unsure: scanAction
    .default(2)
    .describe('What a message is worth that looks like junk and may not be called so within the budget'),
  fields: z
    .boolean()
    .default(true)
    .describe(
      'Adds `X-Spam-Status` and, to junk, `X-Spam-Flag: YES`. What the sender wrote into these is removed in any case',
    ),
  explain: z
    .int()
    .min(0)
    .max(20)
    .default(4)
    .describe('Reasons for and against that the log has of each message that is junk or unsure; 0: none'),
  perDay: z.int().positive().default(200).describe('Lessons of one user that are taken in a day'),
  minimum: z
    .strictObject({
      spam: z.int().min(1).default(200),
      ham: z.int().min(1).default(200),
      users: z.int().min(1).default(3),
    })
    .prefault({})
    .describe(
      'What must have been learned before anything is done. `users`: so many must have taught it, unless the operator has taught these numbers alone (`postroad junk learn` without `--user`)',
    ),
  keep: durationOf({ min: 1, unit: DAY })
    .prefault('180 d')
    .transform((days) => days * DAY)
    .describe('How long lessons can be undone and are exported; what was learned from older ones stays'),
  addresses: z
    .strictObject({
      spam: mailbox,
      ham: mailbox,
      from: z.array(network).default(['127.0.0.0/8', '::1/128']),
    })
    .optional()
    .describe(
      'Addresses that learn what is sent to them, and drop it: `{ spam: "spam@junk.local", ham: "ham@junk.local" }`. Taken are clients in the networks `from`, by UNIX socket, and who is logged in; nobody else',
    ),
  maildirs: z
    .array(
      z.strictObject({
        folder: z.string().min(1),
        user: z.string().min(1).optional(),
        junk: z.string().min(1).default('.Junk'),
        never: z.array(z.string()).default(['.Trash', '.Drafts', '.Sent']),
      }),
    )
    .default([])
    .describe(
      'Maildirs whose folder `junk` is watched: what comes into it was called spam by its owner, and what goes from it to another, but for those in `never`, ham. In `folder` and `user` `{domain}` and `{local}` stand for any one name: `/var/vmail/{domain}/{local}/Maildir`',
    ),
  every: durationOf({ min: 1_000 }).prefault('1 min').describe('Time between two looks at `maildirs`'),
  folder: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Where it keeps what it has learned. Default: a folder of its own in that of the server. Scopes that name the same one learn together',
    ),
  hosts: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Names by which servers of yours write `Received` fields, besides this one: how mail went on among them is not learned',
    ),
})

/** Options as the plugin reads them. */
export type JunkOptions = z.infer<typeof options>
