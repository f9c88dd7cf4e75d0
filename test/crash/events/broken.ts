/** Servers that do with events what none may: whoever holds them to account has to notice. */
import { LmdbOutbox } from '../../../packages/embedded/src/queue/outbox.ts'

/** `loses` some that a delivery has ended, `doubles` some under another id, `invents` deliveries of what was only accepted, `turns` the order. */
export type Break = 'loses' | 'doubles' | 'invents' | 'turns'

type Events = readonly string[]

const EVERY = 5

/** From now on all outboxes of this process do it wrong. */
export function breakOutbox(how: Break): void {
  const write = LmdbOutbox.prototype.write
  const broken = BREAKS[how]
  LmdbOutbox.prototype.write = function (events) {
    return write.call(this, events && broken(events))
  }
}

const BREAKS: Readonly<Record<Break, (events: Events) => Events>> = {
  loses: sometimes((events) => (isAccepted(events) ? events : [])),
  doubles: sometimes((events) => [...events, ...events.map((event) => event.replaceAll(/evt_\w{4}/g, 'evt_zzzz'))]),
  invents: (events) => events.flatMap((event) => (isAccepted([event]) ? [event, delivered(event)] : [event])),
  turns: turning(),
}

/** What is accepted is told with the next that is: after the end of its delivery, most times. */
function turning(): (events: Events) => Events {
  let kept: Events = []
  return (events) => {
    if (!isAccepted(events)) return events
    const before = kept
    kept = events
    return before
  }
}

function sometimes(how: (events: Events) => Events): (events: Events) => Events {
  let count = 0
  return (events) => (++count % EVERY === 0 ? how(events) : events)
}

function isAccepted([event]: Events): boolean {
  return event?.split(' ', 2)[1] === 'accepted'
}

function delivered(event: string): string {
  return event.replaceAll(/evt_\w{4}/g, 'evt_yyyy').replaceAll('accepted', 'delivered')
}
