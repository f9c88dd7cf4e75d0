/** A plan that decides everything and does nothing: for `postroad try`. */
import type { HookName } from '@postroad/plugin'
import type { Entry, Plan } from './entry.ts'

/** The same plan, but nothing is called out, stored or delivered. */
export function rehearsed({ nexthop: _nexthop, accepted: _accepted, queue: _queue, quarantine: _quarantine, ...plan }: Plan): Plan {
  return { ...plan, queue: [[answer('queue')]], quarantine: [[answer('quarantine')]] }
}

function answer(hook: HookName): Entry {
  return {
    plugin: 'rehearsal',
    hook,
    handler: () => ({ id: 'rehearsal' }),
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
