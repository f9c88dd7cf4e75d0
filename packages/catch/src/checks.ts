/** SPF, DKIM and DMARC of what was caught: looked at, and never a reason to refuse. */
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { spf } from '@postroad/spf'
import type { App } from 'postroad'

const NOTHING = 'none' as const

/** Only facts; what takes too long is as if it had not been looked at. */
export function addChecks(app: App): void {
  const patient = { onError: 'pass', timeout: '3 s' } as const
  app
    .use(spf({ fail: NOTHING, softfail: NOTHING, heloFail: NOTHING }), patient)
    .use(dkim(), patient)
    .use(dmarc({ reject: NOTHING, quarantine: NOTHING, permerror: NOTHING, temperror: NOTHING }), patient)
}
