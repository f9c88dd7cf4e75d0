/** Servers that do with events what none may: whoever holds them to account has to notice. */
import { LmdbOutbox } from '../../../packages/embedded/src/queue/outbox.ts'

/** `loses` how deliveries have ended, `doubles` all under other ids, `invents` deliveries of what was only accepted, `turns` the order. */
export type Break = 'loses' | 'doubles' | 'invents' | 'turns'

type Events = readonly string[]

/** From now on all outboxes of this process do it wrong. */
export function breakOutbox(how: Break): void {
  const write = LmdbOutbox.prototype.write
  const broken = BREAKS[how]
  LmdbOutbox.prototype.write = function (events) {
    return write.call(this, events && broken(events))
  }
}

const BREAKS: Readonly<Record<Break, (events: Events) => Events>> = {
  loses: (events) => events.filter(isAccepted),
  doubles: (events) => events.flatMap((event) => [event, event.replaceAll(/evt_\w{4}/g, 'evt_zzzz')]),
  invents: (events) => events.flatMap((event) => (isAccepted(event) ? [event, delivered(event)] : [event])),
  turns: turning(),
}

/** What is accepted is told behind the end of its delivery. */
function turning(): (events: Events) => Events {
  const kept = new Map<string, string>()
  return (events) =>
    events.flatMap((event) => {
      const [, kind, key = ''] = event.split(/[ \n]/, 3)
      const accepted = kept.get(key)
      if (kind !== 'accepted') return accepted === undefined ? [event] : [event, accepted]
      kept.set(key, event)
      return []
    })
}

function isAccepted(event: string): boolean {
  return event.split(' ', 2)[1] === 'accepted'
}

function delivered(event: string): string {
  return event.replaceAll(/evt_\w{4}/g, 'evt_yyyy').replaceAll('accepted', 'delivered')
}
