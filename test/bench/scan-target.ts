/** Targets of the scenario `scan`: Postroad with some of the checks, on the daemons that all targets share. */
import { clamav } from '@postroad/clamav'
import { dkim } from '@postroad/dkim'
import type { Plugin } from '@postroad/plugin'
import { rspamd } from '@postroad/rspamd'
import { spf } from '@postroad/spf'
import { discardAll, startPostroad } from './postroad.ts'
import type { Target } from './target.ts'

const CHECKS: Readonly<Record<'auth' | 'rspamd' | 'clamav', () => readonly Plugin[]>> = {
  auth: () => [spf(), dkim()],
  rspamd: () => [rspamd({ at: `127.0.0.1:${process.env['SCAN_RSPAMD']}` })],
  clamav: () => [clamav({ at: `127.0.0.1:${process.env['SCAN_CLAMD']}` })],
}

/** @param checks of these, all in one wave */
export function scanTarget(...checks: readonly (keyof typeof CHECKS)[]): Target {
  return {
    title: `Postroad with ${checks.join(', ')}: accept and discard`,
    start: (place) =>
      startPostroad(place, [...checks.flatMap((check) => CHECKS[check]()), discardAll()], {
        dns: { servers: [process.env['SCAN_DNS'] ?? ''] },
      }),
  }
}
