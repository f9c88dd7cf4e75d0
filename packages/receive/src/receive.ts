/** A server in a few lines. */
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { routing } from '@postroad/routing'
import { spf } from '@postroad/spf'
import { type App, type Config, createServer, defineConfig, type Server } from 'postroad'
import { inbox, type Knows, type MailHandler, VIA } from './inbox.ts'

export type { MailHandler } from './inbox.ts'

type ListenOptions = Extract<Parameters<App['listen']>[0], { readonly protocol?: 'smtp' | 'lmtp' }>

/** What may be said of a receiving program; beside it everything that a listener of SMTP knows, in `listen`. */
export interface ReceiveOptions extends Pick<Config, 'hostname' | 'folder' | 'log' | 'dns' | 'thresholds' | 'grace'> {
  /** Whose mail is taken; patterns such as `*.example.com` too. All others are refused with 550 5.7.1: this never relays. */
  readonly domains: readonly string[]
  /** Which addresses there are; others are refused with 550 5.1.1. Default: all of these domains. What throws is 451. */
  readonly recipients?: Knows
  /** Default 2525; 0: any that is free, see `port` of what comes of it. */
  readonly port?: number
  /** Default: every address of this machine. */
  readonly host?: string
  /**
   * `check` (default): SPF, DKIM and DMARC are looked at, and what is found stands in `mail.authentication`. `enforce`: mail is also refused as the
   * owner of the author's domain asks. `false`: nothing is looked at, and DNS is not asked.
   */
  readonly authentication?: 'check' | 'enforce' | false
  /** What the client is told when the function throws or is late: `defer` (default, 451: it comes again) or `reject` (554: it gives up). */
  readonly onError?: 'defer' | 'reject'
  /** How long the function may take; default 60 s. */
  readonly timeout?: number | string
  /** TLS, limits, LMTP and all else that a listener knows. */
  readonly listen?: Omit<ListenOptions, 'host' | 'port'>
  /** Adds plugins, and listeners, as `setup` of a configuration does: they see each message before the function does. */
  readonly plugins?: (app: App) => void
}

/** A program that receives mail. */
export interface Receiver extends AsyncDisposable {
  /** Where it listens. */
  readonly port: number
  /** Explains itself, can be reloaded, tells how many connections there are. */
  readonly server: Server
  /** Takes no more connections; what is under way comes to its end. */
  close(): Promise<void>
}

/** Only facts, no opinions. */
const NOTHING = 'none' as const
const CHECK = {
  spf: { fail: NOTHING, softfail: NOTHING, heloFail: NOTHING },
  dmarc: { reject: NOTHING, quarantine: NOTHING, permerror: NOTHING, temperror: NOTHING },
}

/**
 * Listens, and calls the function with each message for these domains. The client is answered when the function has ended: 250 when it
 * returns nothing, what it says when it returns `reject(…)` or `defer(…)`, and 451 when it throws, so that the message comes again. Messages
 * come at the same time; whoever writes one at a time lets them wait.
 *
 * The process stays the program's own: it is not ended, and its uncaught errors are not caught.
 *
 * @throws {BootError} with every mistake of the options at once
 * @throws {PostroadError} `ERR_BIND` when the port cannot be had
 * @example
 * await using inbox = await receive({ domains: ['example.com'], port: 2525 }, async (mail) => {
 *   console.log(mail.from[0]?.text, mail.subject, await mail.text())
 *   if (mail.authentication.dmarc?.result === 'fail') return reject('Forged')
 * })
 */
export async function receive(options: ReceiveOptions, handler: MailHandler): Promise<Receiver> {
  const { domains, port = 2525, host, authentication = 'check', onError = 'defer', timeout, listen, plugins } = options
  const { hostname, folder, log = { level: 'warn' }, dns, thresholds, grace } = options
  const server = await createServer(
    defineConfig({
      ...given({ hostname, folder, log, dns, thresholds, grace }),
      setup(app) {
        if (authentication !== false) {
          const worth = authentication === 'check' ? CHECK : undefined
          app.use(spf(worth?.spf)).use(dkim()).use(dmarc(worth?.dmarc))
        }
        if (typeof plugins === 'function') plugins(app)
        const ours = Array.isArray(domains) ? domains.map(String) : []
        app.use(routing({ domains: Object.fromEntries(ours.map((domain) => [domain, { via: VIA }])) }))
        app.use(inbox({ ...options, authentication, onError, handler }), given({ onError, timeout }))
        app.listen({ ...listen, ...given({ host }), port })
      },
    }),
  )
  try {
    await server.listen()
  } catch (error) {
    await server.close()
    throw error
  }
  return {
    get port() {
      return server.addresses[0]?.port ?? 0
    },
    server,
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

/** Absent, not undefined. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  } // of the same keys, or fewer
}
