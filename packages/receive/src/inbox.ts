/** The plugin in the server of a program: its function is where the mail goes. */
import { type Address, definePlugin, type RcptContext, type Receipt, type Refusal, reject } from '@postroad/plugin'
import { z } from 'zod'
import { ReceivedMail } from './mail.ts'

/** Called with each message; see `receive`. */
export type MailHandler = (mail: ReceivedMail) => Promise<Refusal | undefined | void> | Refusal | undefined | void

/** Says whether there is such an address. */
export type Knows = (recipient: Address) => Promise<boolean> | boolean

/** Read by whoever makes the configuration; here so that an option which nobody reads is a mistake, told with what was meant. */
const elsewhere = z.unknown().optional()

/** What the program says. */
const options = z.strictObject({
  handler: z.custom<MailHandler>((value) => typeof value === 'function', 'not a function'),
  domains: z.array(z.string()).min(1, 'name a domain at least: mail for all others is refused').readonly(),
  recipients: z.custom<Knows>((value) => typeof value === 'function', 'not a function').optional(),
  authentication: z.union([z.enum(['check', 'enforce']), z.literal(false)]),
  onError: z.enum(['defer', 'reject']),
  port: elsewhere,
  host: elsewhere,
  timeout: elsewhere,
  listen: elsewhere,
  plugins: z.custom((value) => value === undefined || typeof value === 'function', 'not a function').optional(),
  hostname: elsewhere,
  folder: elsewhere,
  log: elsewhere,
  dns: elsewhere,
  thresholds: elsewhere,
  grace: elsewhere,
})

/** Routes of this way lead to the function. */
export const VIA = 'program'

/** Takes responsibility by calling the function. */
export const inbox = definePlugin({
  name: 'receive',
  options,
  setup: ({ options: { handler, recipients } }) => ({
    ...(recipients && {
      rcpt: async ({ recipient }: RcptContext) =>
        (await recipients(recipient)) ? undefined : reject('No such mailbox', { status: '5.1.1' }),
    }),
    queue: {
      // The function gets the octets as they came, and it is the end of the way.
      supports: ['8BITMIME', 'BINARYMIME', 'SMTPUTF8', 'REQUIRETLS'],
      carries: (via) => via === VIA,
      async handler(context): Promise<Receipt | Refusal | undefined> {
        const own = context.deliveries.filter(({ route }) => route.via === VIA)
        if (own.length !== context.deliveries.length) return undefined
        const mail = new ReceivedMail(
          context,
          own.flatMap((delivery) => delivery.recipients),
        )
        return (await handler(mail)) ?? { id: mail.id }
      },
    },
  }),
})
