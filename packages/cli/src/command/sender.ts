/** `postroad sender check`: whether mail of a domain is as the large receivers want it. */
import { readFile } from 'node:fs/promises'
import { countStates, type DoctorContext, diagnose, readSampleMessage } from '@postroad/doctor'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { doctorContext, USUAL_DOCTOR } from '../doctor/context.ts'
import { findingText } from '../doctor/text.ts'
import { trafficOf } from '../doctor/traffic.ts'
import { dnsServer } from './dns-option.ts'
import { openConfigured } from './doctor.ts'

interface Options {
  readonly config?: string
  readonly hostname?: string
  readonly address?: readonly string[]
  readonly dns?: readonly string[]
  readonly dkim?: readonly string[]
  readonly message?: readonly string[]
  readonly returnPath?: readonly string[]
  readonly json?: boolean
}

/** Adds `sender check`. */
export function senderCommands(program: Command, outcome: { code: number }): void {
  program
    .command('sender')
    .description('mail that is sent from here, as the large receivers see it')
    .command('check')
    .description('hold mail of a domain against what Gmail, Yahoo and Microsoft ask of senders; exit code 1 at faults')
    .argument('<domain>', 'domain of the field From')
    .option(
      '--message <file...>',
      'messages as a mailbox at another provider has them: their signatures, fields and hops',
    )
    .option('--return-path <domain...>', 'domains of reverse-paths; default: those of the messages, else the domain')
    .option('--address <ip...>', 'addresses that mail is sent from; default: those of this machine, else of its name')
    .option('--hostname <name>', 'another name than that of the configuration')
    .option('--dkim <selector...>', 'selectors that sign, besides those of the configuration')
    .option('--config <config>', 'configuration file or folder: its keys, its name and its records are looked at')
    .option('--dns <server...>', 'resolvers to ask instead, 127.0.0.1:53', dnsServer)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nNothing is sent. Each rule, and who asks for it, is in docs/senders.md.')
    .action(async (domain: string, options: Options) => {
      outcome.code = await check(domain, options)
    })
}

async function check(given: string, options: Options): Promise<number> {
  const domain = given
    .slice(given.lastIndexOf('@') + 1)
    .toLowerCase()
    .replace(/\.$/, '')
  if (!/^(?!-)[a-z0-9-]+(?:\.(?!-)[a-z0-9-]+)+$/.test(domain))
    throw new UsageError(`"${given}" is no domain: give example.org, the domain of the field From`)
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort(new Error('interrupted')))
  const { signal } = controller
  await using configured = await openConfigured([domain], options.config)
  const { message: files = [], returnPath: returnPaths = [], ...rest } = options
  const context = await doctorContext([domain], configured, { ...USUAL_DOCTOR, ...rest }, signal)
  const octets = await Promise.all(files.map(async (file) => ({ name: file, octets: await read(file) })))
  const folder = configured.opened?.server.folder
  const sender: DoctorContext['sender'] = {
    returnPaths,
    messages: await Promise.all(octets.map((one) => readSampleMessage(one, context))),
    traffic: folder === undefined ? undefined : await trafficOf([domain], folder),
  }
  const found = await diagnose({ ...context, sender }, { of: 'sender' })
  const counts = countStates(found)
  const { hostname, addresses } = context
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ domain, hostname, addresses, counts, findings: found })}\n`
      : `${findingText(context, found)}\n`,
  )
  return counts.fault > 0 ? 1 : 0
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
