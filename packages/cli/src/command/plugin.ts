/** Commands that plugins add: `postroad queue list`. */
import type { CommandIo, PluginCommand } from '@postroad/plugin'
import type { Command } from 'commander'
import { open } from '../open.ts'
import { type AskedCommand, type Commands, choose, overview } from './plugin-choice.ts'

const CONFIG = '--config <config>'
/** What a plugin's command gives back when its arguments are wrong: EX_USAGE. */
const USAGE = 64

/** What is no command of ours may be a plugin's; which there are is known when the configuration has been read. */
export function addPluginCommands(program: Command, outcome: { code: number }): void {
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
        else await run({ plugin, command, rest }, options, outcome)
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
      else await run({ plugin, command, rest }, options, outcome)
    })
}

/** Arguments as commander is to see them: what is no command of ours is a plugin's, with options of its own. */
export function namePluginCommand(program: Command, args: readonly string[]): string[] {
  const [first = '-'] = args
  const isOurs =
    first.startsWith('-') || program.commands.some((command) => command.name() === first || first === 'help')
  return isOurs ? [...args] : ['run', ...args]
}

function isHelp(argument: string | undefined): boolean {
  return argument === '--help' || argument === '-h'
}

interface RunOptions {
  readonly config?: string
  readonly json?: boolean
}

async function run(asked: AskedCommand, options: RunOptions, outcome: { code: number }): Promise<void> {
  const opened = await open(options.config, { log: { format: 'silent' } })
  try {
    const { plugins, command, rest } = choose(asked, opened.server.commands)
    const chosen = [...plugins].flatMap(([plugin, own]) => {
      const one = command === undefined ? undefined : own[command]
      return command !== undefined && one ? [{ plugin, name: command, command: one }] : []
    })
    if (chosen.length === 0 || rest.some(isHelp)) {
      process.stdout.write(`${overview(chosen.length === 0 ? plugins : usageOf(chosen))}\n`)
      outcome.code = chosen.length > 0 || command === undefined || isHelp(command) ? 0 : 2
      return
    }
    const controller = new AbortController()
    process.once('SIGINT', () => controller.abort(new Error('interrupted')))
    const out = io(options.json ?? false, controller.signal)
    const codes: number[] = []
    for (const { plugin, command } of chosen)
      codes.push((await command.run(rest, chosen.length > 1 ? labelled(out, plugin) : out)) ?? 0)
    // Several are asked where something is: that one knows is enough.
    outcome.code = Math.min(...codes)
    if (outcome.code === USAGE) process.stderr.write(`Wrong usage:\n${overview(usageOf(chosen))}\n`)
  } finally {
    await opened.close()
  }
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

function io(json: boolean, signal: AbortSignal): CommandIo {
  let widths: number[] = []
  return {
    json,
    signal,
    print: (line) => void process.stdout.write(`${line}\n`),
    row(fields) {
      if (json) return void process.stdout.write(`${JSON.stringify(fields)}\n`)
      const cells = Object.values(fields).map((value) => String(value ?? ''))
      if (widths.length !== cells.length) {
        const names = Object.keys(fields)
        widths = names.map((name, index) => Math.max(name.length, cells[index]?.length ?? 0))
        process.stdout.write(
          `${columns(
            names.map((name) => name.toUpperCase()),
            widths,
          )}\n`,
        )
      }
      process.stdout.write(`${columns(cells, widths)}\n`)
    },
  }
}

function columns(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, index) => cell.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·').padEnd(widths[index] ?? 0))
    .join('  ')
    .trimEnd()
}
