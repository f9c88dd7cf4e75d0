/** The admin interface: what an operator wants to know of the server and do to it, over HTTP, and the page that uses it. */
import { createRequire } from 'node:module'
import {
  Clock,
  definePlugin,
  Feed,
  Host,
  type HttpRoute,
  LearningDesk,
  type Logger,
  QuarantineDesk,
  Store,
} from '@postroad/plugin'
import { QueueDesk } from '@postroad/queue-engine'
import { MailRecords } from '@postroad/records'
import { type CallHandlers, routesFor, type Stamp } from './answer.ts'
import { AuditLog } from './audit.ts'
import { Circle } from './circle.ts'
import { adminCommands } from './command.ts'
import { eventCalls } from './event-calls.ts'
import { healthRoutes } from './health.ts'
import { Hub } from './hub.ts'
import { Jobs } from './jobs.ts'
import { logAnswer, logCalls } from './log-calls.ts'
import { LogRing } from './log-ring.ts'
import { openApi } from './openapi.ts'
import { operatorCalls } from './operator-calls.ts'
import { options as schema } from './options.ts'
import { pageRoutes } from './page.ts'
import { Previews } from './preview.ts'
import { quarantineCalls } from './quarantine-calls.ts'
import { jobCalls, queueCalls } from './queue-calls.ts'
import { recordCalls } from './record-calls.ts'
import { sealIn } from './seal.ts'
import { serverCalls, workerNumbers } from './server-calls.ts'
import { Sessions } from './session.ts'
import { sessionCalls } from './session-calls.ts'
import { tokenCalls } from './token-calls.ts'
import { traceCalls } from './trace-calls.ts'
import { measureWorker } from './worker.ts'

const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string } // ours

/**
 * The admin interface. It opens no port: the scope's listeners of kind `http` serve it.
 *
 * @example
 * app.use(admin()).listen({ name: 'admin', protocol: 'http', port: 8025 })
 */
export const admin = definePlugin({
  name: 'admin',
  options: schema,
  needs: { host: Host, store: Store, clock: Clock, feed: Feed, records: MailRecords },
  setup: async ({ options, host, store, clock, feed, records, hostname, log, folder: ownFolder, rehearsal }) => {
    const folder = await ownFolder()
    const now = (): number => clock.now()
    const seal = sealIn(folder)
    const audit = new AuditLog(folder, log)
    const sessions = new Sessions({ seal, store, folder, life: options.session })
    const jobs = new Jobs(now)
    let circle: Circle | undefined
    const theCircle = (): Circle => {
      if (!circle) throw new Error('the plugin has not been started')
      return circle
    }
    const acting = { host, audit, jobs, previews: new Previews(seal, store), circle: theCircle, hostname }
    const hub = new Hub(feed, theCircle)
    let stopKeeping: (() => void) | undefined
    let lines: ReturnType<typeof LogRing.open> | undefined
    const theRing = (): LogRing => {
      if (!lines) throw new Error('the plugin has not been started')
      return lines.ring
    }
    const closing = new AbortController()
    const server = serverCalls({
      host,
      hostname,
      version,
      audit,
      records,
      circle: theCircle,
      can: () => can(),
      since: now(),
    })
    const can = (): ReadonlySet<string> => answerable(Object.keys(handlers), host)
    const handlers: CallHandlers = {
      ...sessionCalls(sessions, audit),
      ...server.handlers,
      ...operatorCalls(host, audit, closing.signal),
      ...logCalls(theRing, theCircle),
      ...tokenCalls(host, audit),
      ...traceCalls({ host, audit, log }),
      ...recordCalls(records, host),
      ...eventCalls({
        hub,
        jobs,
        records,
        most: options.viewers,
        status: async (context) => ({ ...stamp(), ...(await server.status(context)) }),
      }),
      ...queueCalls(acting),
      ...quarantineCalls(acting),
      ...jobCalls(acting),
    }
    const stamp = (): Stamp => ({ generation: host.generation, workers: { asked: 1, answered: 1 } })
    return {
      routes: [
        ...routesFor(handlers, stamp),
        ...healthRoutes(host),
        ...(options.page ? await page(log) : []),
        {
          method: 'GET',
          path: '/openapi.json',
          access: 'login',
          summary: 'What can be asked here (OpenAPI 3.1)',
          handler: () => Response.json(openApi(version, can())),
        },
      ],
      identify: sessions.identify,
      commands: adminCommands({ host, sessions: async () => sessions, now }),
      async start() {
        if (rehearsal) return
        measureWorker()
        stopKeeping = records.keep(feed)
        lines = LogRing.open(folder, feed)
        circle = await Circle.join(folder, (url, method, response) => {
          if (url.pathname === '/events') return hub.serve(response, url.searchParams.has('sample'))
          const stop = /^\/jobs\/([\w-]+)\/stop$/.exec(url.pathname)
          if (stop && method === 'POST') jobs.stop(stop[1] ?? '')
          const answer =
            url.pathname === '/worker'
              ? workerNumbers(host)
              : url.pathname === '/logs'
                ? logAnswer(theRing(), url.searchParams)
                : { jobs: jobs.all }
          response.end(JSON.stringify(answer))
        })
      },
      async close(stop) {
        // Of a reload the jobs go on to their end; when the server stops, what was done is done.
        if (stop.aborted) jobs.stopAll()
        closing.abort()
        hub.close()
        lines?.close()
        stopKeeping?.()
        await circle?.leave()
      },
    }
  },
})

/** Without those that need what no plugin of this server has. */
function answerable(names: readonly string[], host: Host): ReadonlySet<string> {
  const lacks = new Set([
    ...(host.desks(QueueDesk).length === 0 ? QUEUE_CALLS : []),
    ...(host.desks(QuarantineDesk).length === 0 ? QUARANTINE_CALLS : []),
    ...(host.desks(LearningDesk).length === 0 ? ['learn'] : []),
    ...(host.desks(QuarantineDesk).some(({ desk }) => desk.digests) ? [] : ['digest']),
    ...(host.reload ? [] : ['reload']),
    ...(host.rehearse ? [] : ['try']),
  ])
  return new Set(names.filter((name) => !lacks.has(name)))
}

const QUEUE_CALLS = ['sites', 'messages', 'message', 'body', 'queueAction', 'suspensions', 'suspend', 'resume']
const QUARANTINE_CALLS = [
  'quarantine',
  'quarantineText',
  'quarantineHtml',
  'quarantineRaw',
  'release',
  'deleteKept',
  'learn',
  'quarantineAction',
  'digest',
]

/** The files of the page; where it was not built, as in a fresh checkout, there is the API alone. */
async function page(log: Logger): Promise<readonly HttpRoute[]> {
  const { CONSOLE_POLICY, readConsole } = await import('@postroad/console')
  try {
    return pageRoutes({ files: readConsole(), policy: CONSOLE_POLICY })
  } catch (error) {
    log.warn({ error }, 'the page is not served')
    return []
  }
}
