/** `postroad doctor` for whoever asks over HTTP: of this very process, with what it counts on. */
import type { HostOperator } from '@postroad/plugin'
import { UsageError } from '../config/usage-error.ts'
import type { Configured } from '../doctor/context.ts'
import type { Opened } from '../open.ts'

/** Nobody says a domain: it is that of the host name, or the host name where it has none. */
export function diagnoser(opened: () => Opened): NonNullable<HostOperator['diagnose']> {
  return async (signal) => {
    // Brings along half of what there is, for a page that few servers are ever asked for.
    const [{ diagnose }, { doctorContext, USUAL_DOCTOR }] = await Promise.all([
      import('@postroad/doctor'),
      import('../doctor/context.ts'),
    ])
    const configured: Configured = { opened: opened(), mistakes: [] }
    const context = await doctorContext([], configured, USUAL_DOCTOR, signal).catch((error: unknown) => {
      if (!(error instanceof UsageError)) throw error
      return doctorContext([opened().server.hostname], configured, USUAL_DOCTOR, signal)
    })
    return diagnose(context)
  }
}
