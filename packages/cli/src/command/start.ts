/** `postroad start`: listens until it is told to stop. */
import cluster from 'node:cluster'
import path from 'node:path'
import { guardProcess, type LogOptions, type Server } from '@postroad/core'
import type { HostOperator, Role } from '@postroad/plugin'
import { serveControl } from '@postroad/trace'
import { type Command, Option } from 'commander'
import { loadConfig } from '../config/load.ts'
import { type Opened, open } from '../open.ts'
import { diagnoser } from '../operator/diagnose.ts'
import { rehearser } from '../operator/rehearse.ts'
import { reloadHere, reloadInWorker } from '../operator/reload.ts'
import { report } from './report.ts'
import { StopSignals } from './signals.ts'
import { supervisedSockets } from './sockets.ts'
import { parseStuck, startWatchdog } from './watchdog.ts'
import { isWorker, parseWorkers, rightsOf, supervise, tellSupervisor } from './workers.ts'

/** Settings of the command line. */
interface StartOptions {
  readonly log?: LogOptions['format']
  readonly quiet?: boolean
  readonly workers?: string
  readonly role?: Role
  readonly user?: string
  readonly stuck?: string
}

/** Adds `start`. */
export function startCommand(program: Command, outcome: { code: number }): void {
  program
    .command('start')
    .description('start the server; Ctrl-C drains and stops it, SIGHUP reloads the configuration')
    .argument('[config]', 'configuration file or folder')
    .addOption(
      new Option('--log <format>', 'default: pretty on a terminal, json elsewhere').choices([
        'json',
        'pretty',
        'silent',
      ]),
    )
    .option(
      '--workers <count>',
      'processes on the same sockets, or auto for one a core; one that dies is replaced',
      '1',
    )
    .addOption(
      new Option('--role <role>', 'smtp: take mail in; delivery: send queued mail out, nothing listens; all: both')
        .choices(['all', 'smtp', 'delivery'])
        .default('all'),
    )
    .option(
      '--user <name>',
      'user whose rights the server has; sockets are opened before with those of who starts it, most often root',
    )
    .option(
      '--stuck <seconds>',
      'a process whose JavaScript stands still for so long is killed, and the plugin named; 0: never',
      '30',
    )
    .option('--quiet', 'do not print what it listens on')
    .action(async (given: string | undefined, options: StartOptions) => {
      outcome.code = await start(given, options).catch((error: unknown) => failed(error, options))
    })
}

/** Who reads the log as JSON reads why there is none as JSON, too. @throws the error, where people read */
function failed(error: unknown, { log }: StartOptions): number {
  if (log !== 'json') throw error
  report(log)('error', 'the server could not be started', { error })
  return 1
}

async function start(given: string | undefined, options: StartOptions): Promise<number> {
  const tell = report(options.log)
  const signals = new StopSignals(tell, isWorker())
  const workers = parseWorkers(options.workers ?? '1')
  const stuckMs = parseStuck(options.stuck ?? '30')
  if ((workers > 1 || options.user !== undefined) && !isWorker()) {
    const rights = options.user === undefined ? {} : await rightsOf(options.user)
    return supervise({ count: workers, rights, report: tell, signals })
  }
  // What the server offers plugins is made before there is a server.
  const operated: { opened?: Opened; reload?: NonNullable<HostOperator['reload']> } = {}
  const opened = await open(given, {
    operator: operatorOf(operated),
    ...(options.log ? { log: { format: options.log } } : {}),
    ...(options.role ? { role: options.role } : {}),
    // Who opened the sockets has rights that we have not.
    ...(isWorker() && options.user !== undefined ? { sockets: supervisedSockets() } : {}),
  })
  operated.opened = opened
  const { server } = opened
  const reload = reloaderOf(given, server)
  const inAll = isWorker() ? reloadInWorker(reload) : undefined
  operated.reload = () => (inAll ? inAll(opened.file) : reloadHere(reload))
  const guard = guardProcess(server.log)
  try {
    await server.listen()
  } catch (error) {
    await opened.close()
    throw error
  }
  await using _control = await openControl(server)
  process.on('warning', endWhenLost)
  startWatchdog(stuckMs, server.log.format)
  if (isWorker()) tellSupervisor()
  // With several, the first speaks for all.
  if (!options.quiet && (cluster.worker?.id ?? 1) === 1) await greet(opened)
  const code = await untilStopped(server, { signals, reload })
  await opened.close()
  guard.release()
  return code
}

/** For `postroad trace`. A server without it serves all the same. */
async function openControl({ folder, log }: Server): Promise<AsyncDisposable | undefined> {
  return serveControl(folder).catch((error: unknown) => {
    log.warn({ error }, 'there is no control socket: `postroad trace` cannot see this process')
    return undefined
  })
}

/** A database file that this process cannot write any more is told by a warning: who starts it again mends that. */
function endWhenLost(warning: Error): void {
  if ('code' in warning && warning.code === 'ERR_EMBEDDED_LOST') process.kill(process.pid, 'SIGTERM')
}

/** For plugins that let the server be operated; each is asked only when it serves. */
function operatorOf(operated: { readonly opened?: Opened; readonly reload?: HostOperator['reload'] }): HostOperator {
  const now = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the server has not begun yet')
    return value
  }
  const diagnose = diagnoser(() => now(operated.opened))
  let rehearse: NonNullable<HostOperator['rehearse']> | undefined
  return {
    reload: async () => now(operated.reload)(),
    diagnose,
    rehearse: async (octets, envelope) => {
      rehearse ??= rehearser(now(operated.opened).file)
      return rehearse(octets, envelope)
    },
  }
}

/** No mistake: what was asked for last comes into force. */
const SUPERSEDED = new Error('another reload was asked for meanwhile')

/** A file that is slow to read, or never read to its end, must not take the place of the one that was asked for after it. */
function reloaderOf(given: string | undefined, server: Server): () => Promise<void> {
  let asked = 0
  return async () => {
    const own = ++asked
    const { config, outdated } = await loadConfig(given)
    if (own !== asked) {
      server.log.info({}, `not reloaded: ${SUPERSEDED.message}`)
      throw SUPERSEDED
    }
    await server.reload(config)
    if (outdated.length > 0)
      server.log.warn(
        { packages: outdated },
        'installed packages have changed: they go on as they were until a restart',
      )
  }
}

/** Where it listens: for people, or in a log that a program reads as a line like any other. */
async function greet({ server, hint, file }: Opened): Promise<void> {
  const places = server.addresses.map(
    ({ name, host, port, path: socket }) => [name, socket ?? `${host === '::' ? '*' : host}:${port}`] as const,
  )
  const kept = path.relative(process.cwd(), server.folder) || '.'
  const pid = isWorker() ? process.ppid : process.pid
  if (server.log.format === 'json') {
    const fields = {
      hostname: server.hostname,
      listeners: Object.fromEntries(places),
      folder: kept,
      process: pid,
      ...(hint && { hint }),
    }
    server.log.info(
      fields,
      `${places.length > 0 ? 'listening' : 'delivering queued mail'}. Stop with Ctrl-C; reload with SIGHUP`,
    )
    return
  }
  const lines = places.map(([name, place]) => `  ${name.padEnd(12)} ${place}`)
  process.stdout.write(
    `${lines.length > 0 ? `Postroad is listening as ${server.hostname}\n${lines.join('\n')}` : `Postroad delivers queued mail as ${server.hostname}; nothing listens`}\n  ${'kept in'.padEnd(12)} ${kept}\n${await pageLine(server, file)}${hint ? `${hint.trimEnd()}\n` : ''}Stop with Ctrl-C; reload the configuration with SIGHUP (process ${pid}).\n`,
  )
}

/** A link to the page, for the one who sits at this terminal; it logs one browser in, and must not stand in a log. */
async function pageLine(server: Server, file: string): Promise<string> {
  const [, commands] = [...server.commands].find(([plugin]) => plugin === 'admin' || plugin.startsWith('admin@')) ?? []
  const command = commands?.['open']
  if (!command) return ''
  const lines: string[] = []
  const print = (line: string): void => void lines.push(line)
  if (process.stdout.isTTY)
    await command.run([], { json: false, signal: AbortSignal.timeout(5_000), row: () => undefined, print })
  return `  ${'page'.padEnd(12)} ${lines[0] ?? `npx postroad admin open${configOption(file)}`}\n`
}

/** What a command needs to find this configuration from here; nothing where it looks by itself. */
function configOption(file: string): string {
  const place = path.relative(
    process.cwd(),
    /^postroad\.config\./.test(path.basename(file)) ? path.dirname(file) : file,
  )
  return place === '' ? '' : ` --config ${place}`
}

/** Resolves to the exit code when a signal has ended the server: 0 when it drained. A second one ends the process at once, with 1. */
function untilStopped(
  server: Server,
  { signals, reload }: { readonly signals: StopSignals; readonly reload: () => Promise<void> },
): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false
    const hangup = (): void => {
      reload().catch((error: unknown) => {
        if (error !== SUPERSEDED) server.log.error({ error }, 'the configuration was not reloaded; the old one goes on')
      })
    }
    const stop = (signal: NodeJS.Signals): void => {
      if (stopping) {
        report(server.log.format)('warn', `Stopped at once by a second ${signal}.`)
        server.log.flush()
        process.exit(1)
      }
      stopping = true
      server.log.info({ signal, connections: server.connections }, 'draining')
      server.close().then(
        () => resolve(0),
        (error: unknown) => {
          server.log.error({ error }, 'the server could not be closed in order')
          resolve(1)
        },
      )
    }
    signals.answer({ stop, hangup })
  })
}
