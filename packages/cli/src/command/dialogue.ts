/** `postroad dialogue FILE`: SMTP as a text file, run against a server, or against a configuration on a free port of loopback. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type App, type Config, createServer, type Server } from '@postroad/core'
import { type Command, InvalidArgumentError } from 'commander'
import { loadConfig } from '../config/load.ts'
import { UsageError } from '../config/usage-error.ts'
import { serverServices } from '../services.ts'

interface DialogueOptions {
  readonly server: string
  readonly config?: string
  readonly listener?: string
  readonly timeout: number
  readonly octets?: boolean
  readonly json?: boolean
}

/** Adds `dialogue`. */
export function dialogueCommand(program: Command, outcome: { code: number }): void {
  program
    .command('dialogue')
    .description(
      'run SMTP dialogues (lines of C: and S:) against a server; exit code 1 when one does not go as written',
    )
    .argument('<files...>', 'dialogues')
    .option('--server <host:port>', 'against this server', '127.0.0.1:2525')
    .option('--config <config>', 'against this configuration, on a free port of loopback, with a folder of its own')
    .option('--listener <name>', 'of the configuration; default: the first')
    .option('--timeout <ms>', 'to wait for a reply', milliseconds, 5_000)
    .option('--octets', 'send octet by octet')
    .option('--json', 'print JSON lines')
    .addHelpText(
      'after',
      '\n  S: 250 *     the server must say this; * stands for any text, 250-* for all lines that continue\n  C: NOOP      the client says this; \\r \\n \\xHH are escapes, a line end is added (C! adds none)\n  S! closed    the server closes the connection',
    )
    .action(async (files: readonly string[], options: DialogueOptions) => {
      outcome.code =
        options.config === undefined ? await run(files, options, place(options.server)) : await onConfig(files, options)
    })
}

function milliseconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 86_400_000)) throw new InvalidArgumentError('milliseconds, from 1 on.')
  return value
}

interface Place {
  readonly host: string
  readonly port: number
}

async function run(files: readonly string[], options: DialogueOptions, at: Place): Promise<number> {
  // The test tools are loaded only when they are used.
  const { runDialogue } = await import('@postroad/testing')
  let failed = 0
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch((cause: Error) => {
      throw new UsageError(`${file} cannot be read: ${cause.message}`, { cause })
    })
    const error = await runDialogue(text, {
      ...at,
      timeout: options.timeout,
      ...(options.octets ? { cut: 1 } : {}),
    }).then(
      () => undefined,
      (cause: Error) => cause.message,
    )
    if (error !== undefined) failed++
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ file, ok: error === undefined, error })}\n`
        : `${error === undefined ? '✔' : '✖'} ${file}${error === undefined ? '' : `\n    ${error}`}\n`,
    )
  }
  return failed > 0 ? 1 : 0
}

/** The configuration's listeners, but on free ports of loopback, and with nothing kept. */
async function onConfig(files: readonly string[], options: DialogueOptions): Promise<number> {
  const { config, base } = await loadConfig(options.config)
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-dialogue-'))
  const services = serverServices(folder)
  let server: Server | undefined
  try {
    server = await createServer(
      { ...onLoopback(config), folder, log: { format: 'silent' } },
      { base, services: services.services },
    )
    await server.listen()
    const listener = server.addresses.find(({ name }) => options.listener === undefined || name === options.listener)
    if (!listener)
      throw new UsageError(
        `There is no listener "${options.listener}"; there are: ${server.addresses.map(({ name }) => name).join(', ')}`,
      )
    return await run(files, options, { host: '127.0.0.1', port: listener.port })
  } finally {
    await server?.close({ grace: 0 })
    await services.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function onLoopback(config: Config): Config {
  const wrap = (app: App): App => {
    const own: App = {
      use(plugin, options) {
        app.use(plugin, options)
        return own
      },
      scope(name, fill) {
        app.scope(name, (inner) => fill(wrap(inner)))
        return own
      },
      listen({ path: _path, ...options }) {
        app.listen({ name: `${options.port ?? 'listener'}`, ...options, host: '127.0.0.1', port: 0 })
        return own
      },
    }
    return own
  }
  return { ...config, setup: (app) => config.setup(wrap(app)) }
}

function place(server: string): Place {
  const at = server.lastIndexOf(':')
  const port = Number(server.slice(at + 1))
  if (at < 1 || !(port > 0 && port < 65_536)) throw new UsageError(`--server is host:port, not "${server}"`)
  return { host: server.slice(0, at).replace(/^\[|\]$/g, ''), port }
}
