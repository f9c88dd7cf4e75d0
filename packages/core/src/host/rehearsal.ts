/** A plan that decides everything and does nothing: for `postroad try`. */
import type { HookName } from '@postroad/plugin'
import type { Entry, Plan } from './entry.ts'

/** The same plan, but nothing is called out, stored or delivered. */
export function rehearsed({ nexthop: _nexthop, accepted: _accepted, queue: _queue, quarantine: _quarantine, ...plan }: Plan): Plan {
  return {
    ...plan,
    queue: [[answer('queue', () => ({ id: 'rehearsal' }))]],
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
    index: -1,
    asynchronous: false,
  }
}
