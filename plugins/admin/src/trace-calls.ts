/** `postroad trace` for browsers and programs: what is said on connections of all processes, while it is said. */
import { eventStream } from '@postroad/http'
import { networks } from '@postroad/options'
import type { Host, Logger } from '@postroad/plugin'
import { followTrace, type TraceQuery } from '@postroad/trace'
import { type AskedCall, type CallHandlers, CallRefused } from './answer.ts'
import type { AuditLog } from './audit.ts'

/** What it works on. */
export interface TraceDeps {
  readonly host: Host
  readonly audit: AuditLog
  readonly log: Logger
}

/** Who traces at once by one worker: each is a stream from each process. */
const READERS = 8
/** Lines that wait for a slow reader. */
const WAITING = 2_048

/** The handler. */
export function traceCalls({ host, audit, log }: TraceDeps): CallHandlers {
  let readers = 0
  return {
    async trace({ context, query }) {
      const wanted = queryOf(query)
      if (readers >= READERS) throw new CallRefused(503, `${READERS} traces are being followed already`)
      readers++
      try {
        await audit.add(context, { action: 'trace', target: JSON.stringify(wanted), ok: true })
      } catch (error) {
        readers--
        throw error
      }
      const end = new AbortController()
      return eventStream(
        context,
        ({ send, close }) => {
          const tell = (line: object): void =>
            'skipped' in line
              ? send({ event: 'skipped', data: { count: line.skipped } })
              : send({ event: 'line', data: line })
          const joined = (processes: number): void => send({ event: 'joined', data: { processes } })
          followTrace(host.folder, wanted, tell, { signal: end.signal, joined, own: true }).catch((error: unknown) => {
            log.warn({ error }, 'a trace has ended')
            close()
          })
          return () => {
            readers--
            end.abort()
          }
        },
        { queue: WAITING },
      )
    },
  }
}

function queryOf({ ip, content, from, to, listener, out }: AskedCall<'trace'>['query']): TraceQuery {
  const list = ip === undefined ? undefined : [ip].flat()
  try {
    if (list) networks(list)
  } catch (error) {
    throw new CallRefused(400, `ip: ${error instanceof Error ? error.message : 'no network'}`)
  }
  return {
    ...(list && { ip: list }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(listener !== undefined && { listener }),
    ...(out !== undefined && { out }),
    ...(content !== undefined && { content: true }),
  }
}
