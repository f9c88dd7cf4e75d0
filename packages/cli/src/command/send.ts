/** `postroad send`: hands a message to a server and shows the dialogue; for trying things out. */
import os from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { converse, type RemoteServer, TLS_MODES, type TlsMode } from './conversation.ts'
import { readMessage } from './outgoing-message.ts'
import { readSecret } from './secret.ts'

interface SendOptions {
  readonly server: string
  readonly from: string
  readonly to: readonly string[]
  readonly helo: string
  readonly subject: string
  readonly text: string
  readonly header: readonly string[]
  readonly attach: readonly string[]
  readonly tls?: TlsMode
  readonly insecure?: boolean
  readonly user?: string
  readonly timeout: number
  readonly quiet?: boolean
}

/** Adds `send`. */
export function sendCommand(program: Command, outcome: { code: number }): void {
  program
    .command('send')
    .description('send a message over SMTP and show the dialogue; exit code 1 when it is refused')
    .argument('[file]', 'the message, as .eml, or - for standard input; default: a short one is made')
    .requiredOption('--to <address...>', 'recipients')
    .option('--from <address>', 'reverse-path; <> for the null one', 'sender@example.org')
    .option('--server <host:port>', 'where to', serverOf, '127.0.0.1:2525')
    .option('--helo <name>', 'what to call ourselves', os.hostname())
    .addOption(
      new Option(
        '--tls <mode>',
        'default: STARTTLS when offered; implicit on port 465. A name must have a valid certificate',
      ).choices(TLS_MODES),
    )
    .option('--insecure', 'take any certificate; on the loopback that is the default')
    .option(
      '--user <name>',
      'log in; the password comes from the terminal, POSTROAD_PASSWORD, or a line of standard input',
    )
    .option('--timeout <seconds>', 'how long to wait for each reply', seconds, 60)
    .option('--subject <text>', 'of the message that is made', 'Hello from postroad send')
    .option('--text <text>', 'of the message that is made', 'It works.')
    .option('--attach <file...>', 'goes with the message that is made', [])
    .option('--header <field...>', "a header field, 'Name: value', before all others", [])
    .option('--quiet', 'print the last reply only')
    .action(async (file: string | undefined, options: SendOptions) => {
      outcome.code = await send(file, options)
    })
}

async function send(file: string | undefined, options: SendOptions): Promise<number> {
  const { user, tls, insecure = false, timeout, from, to, helo, quiet = false } = options
  if (file === '-' && user !== undefined && process.env['POSTROAD_PASSWORD'] === undefined)
    throw new UsageError(
      'The message and the password cannot both come from standard input: put the password into POSTROAD_PASSWORD',
    )
  const message = await readMessage(file, options)
  const login = user === undefined ? undefined : { user, pass: await readSecret() }
  const print = (line: string): void => void (quiet || process.stdout.write(`${line}\n`))
  const server: RemoteServer = {
    ...endpoint(options.server),
    isInsecure: insecure,
    ...(tls && { tls }),
    ...(login && { login }),
  }
  const last = await converse(server, {
    helo,
    from: bare(from),
    to: to.map(bare),
    message,
    timeoutMs: timeout * 1_000,
    print,
  })
  if (quiet) process.stdout.write(`${last}\n`)
  return last.startsWith('2') ? 0 : 1
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 86_400)) throw new InvalidArgumentError('seconds, from 1 on.')
  return value
}

function endpoint(server: string): Pick<RemoteServer, 'host' | 'port'> {
  const at = server.lastIndexOf(':')
  const [host, port] = at < 0 ? [server, '25'] : [server.slice(0, at).replace(/^\[|\]$/g, ''), server.slice(at + 1)]
  return { host, port: Number(port) }
}

/** The address as it was given, when it is a host with a port, or a host alone. */
function serverOf(text: string): string {
  const { host, port } = endpoint(text)
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535 && /:\d+$|^[^:]*$/.test(text)
  if (host === '' || !isPort || (host.includes(':') && !text.startsWith('[')))
    throw new InvalidArgumentError('host:port, with a port from 1 to 65535; [2001:db8::25]:25 for an IPv6 address.')
  return text
}

/** `<>` and `<a@example.org>` without the brackets. */
function bare(address: string): string {
  return address.replace(/^<(.*)>$/, '$1')
}
