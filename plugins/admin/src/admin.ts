/** The admin interface: what an operator wants to know of the server and do to it, over HTTP, and the page that uses it. */
import { createRequire } from 'node:module'
import { Clock, definePlugin, Host, Store } from '@postroad/plugin'
import { type CallHandlers, routesFor, type Stamp } from './answer.ts'
import { AuditLog } from './audit.ts'
import { Circle } from './circle.ts'
import { adminCommands } from './command.ts'
import { healthRoutes } from './health.ts'
import { Jobs } from './jobs.ts'
import { openApi } from './openapi.ts'
import { options as schema } from './options.ts'
import { Previews } from './preview.ts'
import { quarantineCalls } from './quarantine-calls.ts'
import { jobCalls, queueCalls } from './queue-calls.ts'
import { sealIn } from './seal.ts'
import { serverCalls, workerNumbers } from './server-calls.ts'
import { Sessions } from './session.ts'
import { sessionCalls } from './session-calls.ts'
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
  needs: { host: Host, store: Store, clock: Clock },
  setup: async ({ options, host, store, clock, hostname, log, folder: ownFolder, rehearsal }) => {
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
    const can = (): ReadonlySet<string> => new Set(Object.keys(handlers))
    const handlers: CallHandlers = {
      ...sessionCalls(sessions, audit),
      ...serverCalls({ host, hostname, version, audit, circle: theCircle, can, since: now() }),
      ...queueCalls(acting),
      ...quarantineCalls(acting),
      ...jobCalls(acting),
    }
    const stamp = (): Stamp => ({ generation: host.generation, workers: { asked: 1, answered: 1 } })
    return {
      routes: [
        ...routesFor(handlers, stamp),
        ...healthRoutes(host),
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
        circle = await Circle.join(folder, (url, method, response) => {
          const stop = /^\/jobs\/([\w-]+)\/stop$/.exec(url.pathname)
          if (stop && method === 'POST') jobs.stop(stop[1] ?? '')
          const answer = url.pathname === '/worker' ? workerNumbers(host) : { jobs: jobs.all }
          response.end(JSON.stringify(answer))
        })
      },
      async close(stop) {
        // Of a reload the jobs go on to their end; when the server stops, what was done is done.
        if (stop.aborted) jobs.stopAll()
        await circle?.leave()
      },
    }
  },
})
