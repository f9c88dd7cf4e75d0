/** Haraka with its plugins spf and dkim, as it has none for DMARC. */
import { filterDns } from '../filters.ts'
import { startHaraka } from '../haraka/start.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Haraka with spf and dkim: accept and discard',
  start: (place) =>
    startHaraka(place, { plugins: ['spf', 'dkim'], plugin: 'scan', environment: { SCAN_DNS: filterDns().at } }),
}
