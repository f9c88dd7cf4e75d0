/** Commands that plugins add: `postroad queue list`. */
import { suggestion } from '@postroad/options'
import { type CommandIo, errorOf, type PluginCommand } from '@postroad/plugin'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { Columns } from './columns.ts'
import {
  type AskedCommand,
  type Commands,
  checkOptions,
  choose,
  overview,
  unknownCommand,
  WrongUsage,
} from './plugin-choice.ts'

const CONFIG = '--config <config>'
/** What a plugin's command gives back when its arguments are wrong: EX_USAGE. */
const USAGE = 64

/** What is no command of ours may be a plugin's; which there are is known when the configuration has been read. */
export function addPluginCommands(
  program: Command,
  { outcome, ours }: { readonly outcome: { code: number }; readonly ours: readonly string[] },
): void {
  program
    .command('run', { hidden: false })
    .description('run a command of a plugin; "postroad PLUGIN COMMAND" is short for it')
    .argument('[plugin]', 'name of the plugin')
    .argument('[command]', 'its command; without it: what there is')
    .argument('[arguments...]')
    .option(CONFIG, 'configuration file or folder')
    .option('--json', 'print JSON lines')
    .allowUnknownOption()
    // Of a plugin's command it is asked below.
    .helpOption(false)
    .action(
      async (
        plugin: string | undefined,
        command: string | undefined,
        rest: string[],
        options: RunOptions,
        self: Command,
      ) => {
        if (isHelp(plugin)) self.help()
        else await run({ plugin, command, rest, ours }, options, outcome)
      },
    )
  program
    .argument('[plugin]')
    .argument('[command]')
    .argument('[arguments...]')
    .option(CONFIG, 'configuration file or folder, for commands of plugins')
    .option('--json', 'print JSON lines, for commands of plugins')
    .allowUnknownOption()
    .action(async (plugin: string | undefined, command: string | undefined, rest: string[], options: RunOptions) => {
      if (plugin === undefined) program.help()
      else await run({ plugin, command, rest, ours }, options, outcome)
    })
}

function isHelp(argument: string | undefined): boolean {
  return argument === '--help' || argument === '-h'
}

interface RunOptions {
  readonly config?: string
  readonly json?: boolean
}

async function run(asked: AskedCommand, options: RunOptions, outcome: { code: number }): Promise<void> {
  const opened = await open(options.config, { log: { format: 'silent' } }).catch((error: unknown) => {
    // Who mistypes `check` where nothing can be read has asked for no plugin.
    const meant = suggestion(asked.plugin ?? '', asked.ours)
    if (meant === undefined) throw error
    throw new UsageError(`"${asked.plugin}" is no command; did you mean "${meant}"? (${errorOf(error).message})`, {
      cause: error,
    })
  })
  try {
    const { plugins, command, rest } = choose(asked, opened.server.commands)
    const chosen = [...plugins].flatMap(([plugin, own]) => {
      const one = command === undefined ? undefined : own[command]
      return command !== undefined && one ? [{ plugin, name: command, command: one }] : []
    })
    if (chosen.length === 0 || rest.some(isHelp)) {
      const isAsked = chosen.length > 0 || command === undefined || isHelp(command)
      if (!isAsked) process.stderr.write(`${unknownCommand(command, plugins)}\n`)
      process.stdout.write(`${overview(chosen.length === 0 ? plugins : usageOf(chosen))}\n`)
      outcome.code = isAsked ? 0 : 2
      return
    }
    outcome.code = await runAll(chosen, rest, options)
  } catch (error) {
    if (!(error instanceof WrongUsage)) throw error
    process.stderr.write(`${error.message}\n`)
    outcome.code = 2
  } finally {
    await opened.close()
  }
}

/** @throws {WrongUsage} before anything was done, for an option that none of them has */
async function runAll(chosen: readonly Chosen[], rest: readonly string[], options: RunOptions): Promise<number> {
  for (const { command } of chosen) checkOptions(rest, command.usage)
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort(new Error('interrupted')))
  const out = io(options.json ?? false, controller.signal)
  const codes: number[] = []
  try {
    for (const { plugin, command } of chosen)
      codes.push((await command.run(rest, chosen.length > 1 ? labelled(out, plugin) : out)) ?? 0)
  } finally {
    out.flush()
  }
  // Several are asked where something is: that one knows is enough.
  const code = Math.min(...codes)
  if (code === USAGE) process.stderr.write(`Wrong usage:\n${overview(usageOf(chosen))}\n`)
  return code
}

interface Chosen {
  readonly plugin: string
  readonly name: string
  readonly command: PluginCommand
}

function usageOf(chosen: readonly Chosen[]): Commands {
  return new Map(chosen.map(({ plugin, name, command }) => [plugin, { [name]: command }]))
}

/** For one of several that say the same kind of thing. */
function labelled(io: CommandIo, plugin: string): CommandIo {
  const scope = plugin.slice(plugin.indexOf('@') + 1)
  return { ...io, row: (fields) => io.row({ scope, ...fields }), print: (line) => io.print(`${scope}: ${line}`) }
}

/** Rows wait for each other, so that their columns line up: `flush` when there are no more. */
function io(json: boolean, signal: AbortSignal): CommandIo & { flush(): void } {
  const write = (text: string): void => void process.stdout.write(text)
  const table = new Columns(write)
  return {
    json,
    signal,
    print(line) {
      table.flush()
      write(`${line}\n`)
    },
    row(fields) {
      if (json) write(`${JSON.stringify(fields)}\n`)
      else table.row(fields)
    },
    flush: () => table.flush(),
  }
}
