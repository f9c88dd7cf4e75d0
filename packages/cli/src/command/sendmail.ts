/** `postroad sendmail`: what cron, PHP and forty years of programs pipe their mail into. It is stored when this has ended with 0. */
import os from 'node:os'
import { SendError, textOf } from '@postroad/plugin'
import type { Command } from 'commander'
import { hasConfig } from '../config/load.ts'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { converse } from './conversation.ts'
import { readSendmailArguments, type SendmailArguments } from './sendmail-arguments.ts'
import { pipedMessage } from './sendmail-message.ts'

/** Of sysexits.h: what programs that call sendmail look at. */
const EX = { ok: 0, usage: 64, data: 65, unavailable: 69, later: 75 } as const

const HELP = `Usage: postroad sendmail [options] [address...]

Sends the message on standard input, as sendmail does. With exit code 0 it is stored: in the queue of the
configuration, or by the server that has answered 250.

  -t                also to the addresses of To, Cc and Bcc; Bcc is taken out
  -f, -r ADDRESS    reverse-path, to which bounces go; '<>' for none. Default: you at this machine
  -F NAME           full name, for a From field where there is none
  -i, -oi           a line with nothing but a dot does not end the message
  -N WHEN           a report at never, or success, failure, delay (with commas)
  -R full|hdrs      how much of the message a report returns
  -V ID             envelope id, for reports
  -v                show what is said
  -C, --config FILE the configuration by whose plugins and queue it goes; default: POSTROAD_CONFIG, this folder,
                    or /etc/postroad
  --scope NAME      the scope of it; default: the first with a queue
  --server H:P      to a server instead, over SMTP; default where there is no configuration: 127.0.0.1:25
                    (POSTROAD_SENDMAIL_SERVER does the same)

Other options of sendmail are taken and mean nothing. Exit codes are those of sysexits.h: 64 wrong usage, 65 an
address or message that is none, 69 refused, 75 not now: try again.
A program that is called sendmail and is a link to this one needs no first word.
`

/** Adds `sendmail`. Its command line is its own. */
export function sendmailCommand(program: Command, outcome: { code: number }): void {
  program
    .command('sendmail')
    .description('take a message from standard input as sendmail does, for cron and old programs; see sendmail --help')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .passThroughOptions()
    .argument('[words...]')
    .action(async (words: readonly string[]) => {
      outcome.code = await sendmail(words)
    })
}

async function sendmail(words: readonly string[]): Promise<number> {
  let args: SendmailArguments
  try {
    args = readSendmailArguments(words)
  } catch (error) {
    return failed(EX.usage, textOf(error))
  }
  if (args.mode === 'help') {
    process.stdout.write(HELP)
    return EX.ok
  }
  // There is no table of aliases that would have to be rebuilt.
  if (args.mode === 'aliases') return EX.ok
  if (args.to.length === 0 && !args.fromFields)
    return failed(EX.usage, 'name an address, or -t for those in the message')
  const server = args.server ?? (args.config === undefined ? process.env['POSTROAD_SENDMAIL_SERVER'] : undefined)
  if (server !== undefined) return overSmtp(args, server)
  const config = await configOf(args.config)
  return config === undefined ? overSmtp(args, '127.0.0.1:25') : byQueue(args, config)
}

/** The configuration that is named, or that is where one is looked for. */
async function configOf(given: string | undefined): Promise<string | undefined> {
  if (given !== undefined) return given
  const named = process.env['POSTROAD_CONFIG']
  if (named !== undefined) return named
  for (const folder of ['.', '/etc/postroad']) if (await hasConfig(folder)) return folder
  return undefined
}

async function read(args: SendmailArguments, hostname: string) {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  const from = args.from ?? `${os.userInfo().username}@${hostname}`
  return { from, ...(await pipedMessage(Buffer.concat(chunks), args, { from, hostname, now: new Date() })) }
}

async function byQueue(args: SendmailArguments, config: string): Promise<number> {
  const opened = await open(config, { role: 'smtp', log: { format: 'silent' } }).catch((error: unknown) =>
    textOf(error),
  )
  if (typeof opened === 'string') return failed(EX.later, opened)
  try {
    const { server } = opened
    await server.start()
    const { from, to, octets } = await read(args, server.hostname)
    if (to.length === 0) return failed(EX.usage, 'the message names nobody it is for')
    const { ret, envid, notify, scope } = args
    const sent = await server.queue.send(
      {
        from: from === '' ? null : from,
        to,
        message: octets,
        parameters: { ...(ret && { ret }), ...(envid !== undefined && { envid }) },
        ...(notify && { recipientParameters: { notify } }),
      },
      { identity: os.userInfo().username, ...(scope !== undefined && { scope }) },
    )
    if (args.isVerbose) process.stdout.write(`${sent.reply.code} ${sent.reply.status ?? ''} ${sent.reply.text}\n`)
    return refusals(
      to.length,
      sent.refused.map(({ recipient, reply }) => `${recipient}: ${reply.code} ${reply.status ?? ''} ${reply.text}`),
    )
  } catch (error) {
    if (error instanceof SendError) return failed(error.isTemporary ? EX.later : EX.unavailable, error.message)
    if (error instanceof TypeError) return failed(EX.data, error.message.replace(/^send: /, ''))
    return failed(EX.later, textOf(error))
  } finally {
    await opened.close()
  }
}

async function overSmtp(args: SendmailArguments, server: string): Promise<number> {
  const at = server.lastIndexOf(':')
  const [host, port] =
    at < 0 ? [server, 25] : [server.slice(0, at).replace(/^\[|\]$/g, ''), Number(server.slice(at + 1))]
  if (host === '' || !Number.isInteger(port) || port < 1 || port > 65_535)
    return failed(EX.usage, `${JSON.stringify(server)} is not host:port`)
  const { from, to, octets } = await read(args, os.hostname())
  if (to.length === 0) return failed(EX.usage, 'the message names nobody it is for')
  const { ret, envid, notify } = args
  const refused: string[] = []
  try {
    const last = await converse(
      { host, port, isInsecure: false },
      {
        helo: os.hostname(),
        from,
        to,
        message: octets,
        timeoutMs: 300_000,
        print: (line) => void (args.isVerbose && process.stdout.write(`${line}\n`)),
        refused: (address, reply) => refused.push(`${address}: ${reply}`),
        dsn: { ...(ret && { ret }), ...(envid !== undefined && { envid }), ...(notify && { notify }) },
      },
    )
    if (last.startsWith('2')) return refusals(to.length, refused)
    return failed(last.startsWith('4') ? EX.later : EX.unavailable, last)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return failed(EX.later, error.message)
  }
}

/** Some of several: the others have been taken, and must not be sent again. */
function refusals(all: number, refused: readonly string[]): number {
  if (refused.length === 0) return EX.ok
  return failed(EX.unavailable, `taken for ${all - refused.length} of ${all}; refused: ${refused.join('; ')}`)
}

function failed(code: number, text: string): number {
  process.stderr.write(`sendmail: ${text.replace(/^sendmail: /, '')}\n`)
  return code
}
