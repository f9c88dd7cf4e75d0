/** A table that decides everything and does nothing: for `postroad try`. */
import type { HookName } from '@postroad/plugin'
import type { Handler } from '../plan/handler.ts'
import type { HookTable } from '../plan/hook-table.ts'

/** The same table, but nothing is called out, stored or delivered. */
export function rehearsed({
  nexthop: _nexthop,
  accepted: _accepted,
  judged: _judged,
  queue,
  quarantine: _quarantine,
  ...table
}: HookTable): HookTable {
  return {
    ...table,
    // Whom nobody takes is refused as it would be.
    queue: (queue ?? [undefined]).map((handler) => ({
      ...answer('queue', () => ({ id: 'rehearsal' })),
      carries: handler?.carries,
    })),
    quarantine: [answer('quarantine', ({ reason }) => ({ id: `rehearsal, quarantined: ${reason}` }))],
  }
}

function answer<K extends HookName>(hook: K, run: Handler<K>['run']): Handler<K> {
  return {
    plugin: 'rehearsal',
    ownName: 'rehearsal',
    hook,
    run,
    after: [],
    before: [],
    provides: new Set(),
    timeout: 1_000,
    shadow: false,
    onError: 'defer',
    when: undefined,
    awaits: [],
    mechanisms: [],
    relays: false,
    supports: ['8BITMIME', 'SMTPUTF8', 'DSN'],
    carries: undefined,
    ways: undefined,
    inTurn: false,
    observes: false,
    points: true,
    phase: 0,
    index: -1,
    asynchronous: false,
  }
}
