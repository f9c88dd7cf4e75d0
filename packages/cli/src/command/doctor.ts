/** `postroad doctor`: whether this server, and what is published of it, are as they have to be. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CHECKS, countStates, type DoctorContext, diagnose } from '@postroad/doctor'
import { type Command, InvalidArgumentError } from 'commander'
import { hasConfig } from '../config/load.ts'
import { UsageError } from '../config/usage-error.ts'
import { type DoctorOptions, doctorContext, USUAL_DOCTOR } from '../doctor/context.ts'
import { type Round, serveMetrics } from '../doctor/metrics.ts'
import { findingLines, findingText } from '../doctor/text.ts'
import { open } from '../open.ts'
import { mistakesOf } from './check.ts'
import { dnsServer } from './dns-option.ts'

interface Options extends DoctorOptions {
  readonly config?: string
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
  readonly list?: boolean
  readonly json?: boolean
  readonly watch?: number
  readonly metrics: { readonly host: string; readonly port: number }
}

/** Adds `doctor`. */
export function doctorCommand(program: Command, outcome: { code: number }): void {
  program
    .command('doctor')
    .description(
      'look at this machine, at DNS and at our own listeners as strangers see them, and say what is wrong; exit code 1 at faults',
    )
    .argument('[domain...]', 'whose mail it is; default: the domain of the host name')
    .option('--config <config>', 'configuration file or folder; without any, only what is published')
    .option('--hostname <name>', 'another name than that of the configuration')
    .option(
      '--address <ip...>',
      'addresses under which others see this host; default: those of this machine, else of its name',
    )
    .option('--dns <server...>', 'resolvers to ask instead, 127.0.0.1:53', dnsServer)
    .option('--dkim <selector...>', 'selectors to look up besides those that the configuration signs with')
    .option('--blocklist <zone...>', 'DNS lists to ask for our addresses, in place of the usual ones')
    .option('--no-blocklist', 'ask no list')
    .option('--outbound <domain...>', 'domains or addresses of which a mail host is to answer on port 25', [
      ...USUAL_DOCTOR.outbound,
    ])
    .option('--time <host...>', 'who is asked for the time (SNTP)', [...USUAL_DOCTOR.time])
    .option('--only <check...>', 'these checks')
    .option('--skip <check...>', 'all but these')
    .option('--list', 'print the checks, and look at nothing')
    .option('--json', 'print JSON')
    .option('--watch <seconds>', 'again and again, with metrics for Prometheus; prints what has changed', seconds)
    .option('--metrics <place>', 'where those are served', place, { host: '127.0.0.1', port: 9465 })
    .addHelpText(
      'after',
      '\nNothing is changed, and no message is sent: a listener of ours is asked up to where a message would begin, and the\nlast dot is never said. Each check is described in docs/doctor.md.',
    )
    .action(async (domains: readonly string[], options: Options) => {
      outcome.code = await doctor(domains, options)
    })
}

async function doctor(domains: readonly string[], options: Options): Promise<number> {
  checkNames([...(options.only ?? []), ...(options.skip ?? [])])
  if (options.list) return list(options.json ?? false)
  const controller = new AbortController()
  const stop = (): void => controller.abort(new Error('interrupted'))
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const { signal } = controller
  const look = async (): Promise<{ readonly context: DoctorContext; readonly round: Round }> => {
    const start = performance.now()
    await using configured = await openConfigured(domains, options.config)
    const context = await doctorContext(domains, configured, options, signal)
    const found = await diagnose(context, options)
    return { context, round: { found, endedAt: Date.now(), ms: performance.now() - start } }
  }
  if (options.watch !== undefined) return watch(look, options, { every: options.watch, signal })
  const { context, round } = await look()
  const counts = countStates(round.found)
  if (options.json) {
    const { domains: own, hostname, addresses } = context
    print(JSON.stringify({ domains: own, hostname, addresses, counts, findings: round.found }))
  } else print(findingText(context, round.found))
  return counts.fault > 0 ? 1 : 0
}

/** Set up for each round: what has changed since is seen. */
export async function openConfigured(domains: readonly string[], config: string | undefined) {
  const nothing = { opened: undefined, mistakes: [], [Symbol.asyncDispose]: async () => undefined }
  if (config === undefined && !(await hasConfig())) {
    if (domains.length > 0) return nothing
    throw new UsageError('There is no configuration here: say a domain, or give --config')
  }
  try {
    const opened = await open(config, { looks: true, log: { format: 'silent' } })
    return { opened, mistakes: [], [Symbol.asyncDispose]: () => opened.close() }
  } catch (error) {
    // What is published can be looked at all the same.
    return { ...nothing, mistakes: mistakesOf(error).map((one) => ({ ...one, isFault: true })) }
  }
}

function checkNames(names: readonly string[]): void {
  // Those of plugins are known only with the configuration; a name is never shorter than this.
  const known = new Set([...CHECKS.map(({ name }) => name), 'dkim-key', 'redis', 'mta-sts-served'])
  const wrong = names.find((name) => !known.has(name))
  if (wrong !== undefined) throw new UsageError(`There is no check "${wrong}": postroad doctor --list`)
}

function list(json: boolean): number {
  if (json) print(JSON.stringify(CHECKS.map(({ name, group, summary, rfc }) => ({ name, group, summary, rfc }))))
  else
    for (const { name, group, summary, rfc } of CHECKS)
      print(`${name.padEnd(14)} ${group.padEnd(8)} ${summary}${rfc === '' ? '' : ` (${rfc})`}`)
  return 0
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function watch(
  look: () => Promise<{ readonly round: Round }>,
  { metrics, json }: Options,
  { every, signal }: { readonly every: number; readonly signal: AbortSignal },
): Promise<number> {
  let last: Round | undefined
  await using served = await serveMetrics(metrics, () => last)
  if (!json) print(`Metrics are at http://${metrics.host}:${served.port}/metrics; every ${every} s. Stop with Ctrl-C.`)
  const states = new Map<string, string>()
  while (!signal.aborted) {
    const { round } = await look()
    if (signal.aborted) break
    last = round
    for (const one of round.found) {
      const key = `${one.check} ${one.subject}`
      const before = states.get(key)
      states.set(key, one.state)
      // In the first round only what is not as it should be.
      if (before === one.state || (before === undefined && one.state === 'ok')) continue
      print(
        json ? JSON.stringify({ time: new Date(round.endedAt).toISOString(), ...one }) : findingLines(one).join('\n'),
      )
    }
    await sleep(every * 1000, undefined, { signal }).catch(() => undefined) // stopped
  }
  return 0
}

function seconds(given: string): number {
  const value = Number(given)
  if (!Number.isInteger(value) || value < 10 || value > 604_800)
    throw new InvalidArgumentError('seconds, from 10 to a week.')
  return value
}

function place(given: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^(\[[0-9a-f:.]+\]|[^:\s]+):(\d{1,5})$/i.exec(given) ?? []
  if (host === '' || Number(port) > 65_535) throw new InvalidArgumentError('an address and a port, 127.0.0.1:9465.')
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}
