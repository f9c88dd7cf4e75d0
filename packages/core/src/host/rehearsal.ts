/** A plan that decides everything and does nothing: for `postroad try`. */
import type { HookName } from '@postroad/plugin'
import type { Entry, Plan } from '../plan/handler.ts'

/** The same plan, but nothing is called out, stored or delivered. */
export function rehearsed({ nexthop: _nexthop, accepted: _accepted, queue, quarantine: _quarantine, ...plan }: Plan): Plan {
  return {
    ...plan,
    // Whom nobody takes is refused as it would be.
    queue: [(queue?.flat() ?? [undefined]).map((entry) => ({ ...answer('queue', () => ({ id: 'rehearsal' })), carries: entry?.carries }))],
    quarantine: [[answer('quarantine', ({ reason }) => ({ id: `rehearsal, quarantined: ${reason}` }))]],
  }
}

function answer(hook: HookName, handler: Entry['handler']): Entry {
  return {
    plugin: 'rehearsal',
    hook,
    handler,
    after: [],
    before: [],
    provides: new Set(),
    timeout: 1_000,
    shadow: false,
    onError: 'defer',
    when: undefined,
    awaits: [],
    mechanisms: [],
    supports: ['8BITMIME', 'SMTPUTF8', 'DSN'],
    carries: undefined,
    ways: undefined,
    observes: false,
    points: true,
    index: -1,
    asynchronous: false,
  }
}
