/** Haraka with its plugins spf, dkim, clamd and rspamd, which run one after the other. */
import { startHaraka } from '../haraka/start.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Haraka with spf, dkim, clamd and rspamd: accept and discard',
  start: (place) =>
    startHaraka(place, {
      plugins: ['spf', 'dkim', 'clamd', 'rspamd'],
      plugin: 'scan',
      config: {
        'clamd.ini': `clamd_socket=127.0.0.1:${process.env['SCAN_CLAMD']}\n`,
        'rspamd.ini': `host=127.0.0.1\nport=${process.env['SCAN_RSPAMD']}\n`,
      },
    }),
}
