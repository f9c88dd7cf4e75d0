/** `postroad tls`: what TLS with other servers is, and what they are to expect of ours. */

import os from 'node:os'
import { tlsCommand } from '@postroad/delivery'
import { createDns, type Resolver } from '@postroad/dns'
import type { PluginCommand } from '@postroad/plugin'
import { lookPublished } from '@postroad/tls-policy'
import type { Command } from 'commander'
import { hasConfig } from '../config/load.ts'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { dnsOf, dnsServer } from './dns-option.ts'
import { tlsaCommand } from './tlsa.ts'

interface ExplainOptions {
  readonly connect?: boolean
  readonly config?: string
  readonly dns?: readonly string[]
  readonly json?: boolean
}

/** Adds `tls explain` and `tls tlsa`. */
export function tlsCommands(program: Command, outcome: { code: number }): void {
  const tls = program
    .command('tls')
    .description('TLS with other servers: what it must be and why; and the TLSA records of this one')
  tls
    .command('explain')
    .description(
      'what TLS with the mail hosts of a domain must be, host by host, and who says so; exit code 1 when none may have mail',
    )
    .argument('<domain>', 'a domain, or an address in it')
    .option('--connect', 'connect to each host, and show version, cipher, key-exchange group, and how it was verified')
    .option(
      '--config <config>',
      'configuration file or folder: its plugins, options and resolver count; without any: what is published',
    )
    .option('--dns <server...>', 'resolvers to ask instead, 127.0.0.1:53', dnsServer)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nNo mail is sent. What DNSSEC says is believed of a resolver on this machine that validates, or with dns.trustAd.',
    )
    .action(async (domain: string, options: ExplainOptions) => {
      outcome.code = await explain(domain, options)
    })
  tlsaCommand(tls, outcome)
}

async function explain(domain: string, { connect, config, dns, json = false }: ExplainOptions): Promise<number> {
  const args = [domain, ...(connect ? ['--connect'] : [])]
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort(new Error('interrupted')))
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  const io = { json, signal: controller.signal, print, row: () => undefined }
  const told = (code: number | void): number => {
    if (code !== 64) return code ?? 0
    throw new UsageError(`"${domain}" is no domain: give example.org, or an address in it`)
  }
  if (config === undefined && !(await hasConfig())) return told(await plain({ dns }).run(args, io))
  const opened = await open(config, { log: { format: 'silent' }, ...dnsOf(dns) })
  try {
    const queues = queuesOf(opened.server.commands)
    if (queues.length === 0) {
      if (!json)
        print('No queue of this configuration delivers by SMTP: this is what is published, and nothing obeys it.')
      return told(await plain({ dns, hostname: opened.server.hostname }).run(args, io))
    }
    const codes: number[] = []
    for (const [name, command] of queues) {
      if (queues.length > 1 && !json) print(`${name}:`)
      codes.push(told(await command.run(args, io)))
    }
    return Math.min(...codes)
  } finally {
    await opened.close()
  }
}

/** Queues are plugins: they know with what options and hooks they deliver. */
function queuesOf(
  commands: ReadonlyMap<string, Readonly<Record<string, PluginCommand>>>,
): readonly (readonly [string, PluginCommand])[] {
  return [...commands].flatMap(([plugin, { tls }]) => (tls ? [[plugin, tls] as const] : []))
}

/** Without a configuration: opportunistic, and what others would have to obey. */
function plain({
  dns: servers,
  hostname = os.hostname(),
}: {
  readonly dns: readonly string[] | undefined
  readonly hostname?: string
}) {
  return publishedTls({ dns: createDns(servers === undefined ? {} : { servers }), hostname })
}

/** What is published of a domain, and what TLS a host without a policy of its own comes to. */
export function publishedTls({
  dns,
  hostname,
}: {
  readonly dns: Resolver
  readonly hostname: string
}): ReturnType<typeof tlsCommand> {
  return tlsCommand({
    hostname,
    dns,
    smtp: { tls: { mode: 'opportunistic', verify: false }, tlsOptional: true },
    look: (question, signal) => lookPublished(question, { dns, signal }),
  })
}
