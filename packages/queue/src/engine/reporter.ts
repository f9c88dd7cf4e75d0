/** Makes notifications of reports: new messages with the null reverse-path, to be stored in the same step as their cause. */
import { type Address, type Recipient, type Route, waysOf } from '@postroad/plugin'
import { type MessageSource, memorySource } from '../carrier.ts'
import { type DsnKind, type DsnRecipient, kindOf, writeDsn } from '../dsn/dsn.ts'
import { readReturned } from '../dsn/return-part.ts'
import { makeQueueId, type QueuedMessage } from '../model.ts'
import { split } from '../plan.ts'
import type { NewMessage } from '../store.ts'

/** How notifications are made. */
export interface ReporterOptions {
  readonly hostname: string
  /** Largest original that goes back whole, in octets, when RET=FULL asks for it. */
  readonly returnLimit: number
  /** Where a notification to an address goes. */
  route(recipient: Address): Promise<Route>
}

/** What is reported. */
export interface ReportInput {
  readonly message: QueuedMessage
  /** Of one delivery or of several. */
  readonly reports: readonly DsnRecipient[]
  readonly source: MessageSource
  readonly now: number
}

/** One notification for each kind of news. */
export async function report(input: ReportInput, options: ReporterOptions): Promise<NewMessage[]> {
  const { message, reports } = input
  // RFC 3461 §6.1, RFC 5321 §6.1: never about a message with the null reverse-path.
  if (message.from === undefined || reports.length === 0) return []
  const route = await options.route(message.from)
  const kinds = new Set(reports.map(({ action }) => kindOf(action)))
  return Promise.all([...kinds].map((kind) => make(kind, { ...input, sender: message.from as Address, route }, options))) // checked above
}

async function make(
  kind: DsnKind,
  input: ReportInput & { readonly sender: Address; readonly route: Route },
  options: ReporterOptions,
): Promise<NewMessage> {
  const { message, reports, now, sender, route } = input
  const recipients = reports.filter(({ action }) => kindOf(action) === kind)
  // RFC 3461 §4.3: RET speaks of failures only; everything else gets the header section.
  const whole = kind === 'failed' && message.parameters.ret === 'FULL'
  const returned = await readReturned(input.source, { whole, wholeLimit: options.returnLimit })
  const id = makeQueueId(now)
  const dsn = writeDsn({ message, recipients, returned, id, hostname: options.hostname, now })
  const source = memorySource([dsn.octets])
  return {
    source,
    message: {
      id,
      queuedAt: now,
      from: undefined,
      parameters: { ...(dsn.needs8bit ? { body: '8BITMIME' as const } : {}), ...(dsn.needsUtf8 ? { smtputf8: true } : {}) },
      reportOn: message.id,
      size: source.size,
      deliveries: waysOf(route).flatMap((way) => split({ route: way, recipients: [recipientOf(sender, route)] }, UNLIMITED)),
    },
  }
}

const UNLIMITED = { maxRecipients: Number.POSITIVE_INFINITY } as const

/** RFC 3461 §6.1: a notification asks for none. */
function recipientOf(address: Address, route: Route): Recipient {
  return { address, parameters: { notify: ['NEVER'] }, route }
}
