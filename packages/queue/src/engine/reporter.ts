/** Makes notifications of reports: new messages with the null reverse-path, to be stored in the same step as their cause. */
import {
  type MessageSource,
  makeQueueId,
  memorySource,
  parseAddress,
  type RoutedRecipient,
  sameMailbox,
} from '@postroad/mail'
import { type Address, type Refusal, type Route, waysOf } from '@postroad/plugin'
import { type DsnKind, type DsnRecipient, kindOf, writeDsn } from '../dsn/dsn.ts'
import { readReturned } from '../dsn/return-part.ts'
import type { Lease, QueuedMessage } from '../model.ts'
import { DISCARD, split, UNROUTED } from '../plan.ts'
import type { Transition } from '../state.ts'
import type { NewMessage } from '../store.ts'

/** How notifications are made. */
export interface ReporterOptions {
  readonly hostname: string
  /** Largest original that goes back whole, in octets, when RET=FULL asks for it. */
  readonly returnLimit: number
  /** Where a notification to an address goes, or why it goes nowhere. Does not reject. */
  route(recipient: Address): Promise<Route | Refusal>
  /** As `route`, also where the operator has written down a way for all notifications. */
  ask?(recipient: Address): Promise<Route | Refusal>
  /** Whether a transport of the queue has this name. */
  readonly carries?: ((via: string) => boolean) | undefined
  /** The address that is told of mail that could be neither delivered nor returned. */
  readonly postmaster?: Address | undefined
}

/** What is reported. */
export interface ReportInput {
  readonly message: QueuedMessage
  /** The recipients of the report, of one delivery or of several. */
  readonly reports: readonly DsnRecipient[]
  readonly source: MessageSource
  readonly now: number
  /** Who is told instead of the sender. */
  readonly to?: Address | undefined
}

/** One notification for each kind of report. */
export async function report(input: ReportInput, options: ReporterOptions): Promise<NewMessage[]> {
  const { message, reports } = input
  // RFC 3461 §6.1, RFC 5321 §6.1: to the sender never about a message with the null reverse-path.
  const sender = input.to ?? message.from
  if (sender === undefined || reports.length === 0) return []
  const found = await options.route(sender)
  // A plugin that refuses the notification now may be asked again when it is delivered; what becomes of it is told then.
  const route = 'kind' in found ? { via: UNROUTED } : found
  if (waysOf(route).every(({ via }) => via === DISCARD)) return []
  const kinds = new Set(reports.map(({ action }) => kindOf(action)))
  return Promise.all([...kinds].map((kind) => make(kind, { ...input, sender, route }, options)))
}

/** Recipients that have failed for good, of mail with the null reverse-path: nobody is told. */
export function unreturned(
  { message, index }: Lease,
  { state, events }: Pick<Transition, 'state' | 'events'>,
): DsnRecipient[] {
  if (message.from !== undefined) return []
  const failed = events.flatMap(({ name, recipients }) => (name === 'bounced' ? recipients : []))
  return failed.flatMap((recipient): DsnRecipient[] => {
    const after = state.recipients[recipient]
    return after ? [{ action: 'failed', recipient, delivery: index, state: after }] : []
  })
}

/** Whether the mail was for this address itself: a notice about a notice would go on for ever. */
export function isFor(address: Address, message: QueuedMessage): boolean {
  return message.deliveries.some(({ recipients }) =>
    recipients.some((recipient) => {
      const first = parseAddress(recipient.parameters.orcpt?.address ?? '', { smtputf8: true })
      return [recipient.address, first].some((each) => each && sameMailbox(each, address, { foldCase: true }))
    }),
  )
}

async function make(
  kind: DsnKind,
  input: ReportInput & { readonly sender: Address; readonly route: Route },
  options: ReporterOptions,
): Promise<NewMessage> {
  const { message, reports, now, sender, route } = input
  const recipients = reports.filter(({ action }) => kindOf(action) === kind)
  // RFC 3461 §4.3: RET speaks of failures only; everything else gets the header section.
  const isWanted = input.to !== undefined || (kind === 'failed' && message.parameters.ret === 'FULL')
  // RFC 8689 §5: as if RET=HDRS had been asked for, and protected as the original was, or with nothing in it to protect.
  const isRedacted = message.parameters.requireTls === true
  const returned = await readReturned(input.source, {
    whole: isWanted && !isRedacted,
    wholeLimit: options.returnLimit,
    isRedacted,
  })
  const id = makeQueueId(now)
  const dsn = writeDsn({ message, recipients, returned, id, hostname: options.hostname, now, to: input.to })
  const source = memorySource([dsn.octets])
  return {
    source,
    message: {
      id,
      queuedAt: now,
      from: undefined,
      parameters: {
        ...(dsn.needs8bit ? { body: '8BITMIME' as const } : {}),
        ...(dsn.needsUtf8 ? { smtputf8: true } : {}),
        ...(isRedacted ? { requireTls: true } : {}),
      },
      reportOn: message.id,
      size: source.size,
      deliveries: waysOf(route).flatMap((way) =>
        way.via === DISCARD ? [] : split({ route: way, recipients: [recipientOf(sender, route)] }, UNLIMITED),
      ),
    },
  }
}

const UNLIMITED = { maxRecipients: Number.POSITIVE_INFINITY } as const

/** RFC 3461 §6.1: a notification asks for none. */
function recipientOf(address: Address, route: Route): RoutedRecipient {
  return { address, parameters: { notify: ['NEVER'] }, route }
}
