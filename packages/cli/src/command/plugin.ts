/** Commands that plugins add: `postroad queue list`. */
import type { CommandIo, PluginCommand } from '@postroad/plugin'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'

const CONFIG = '--config <config>'

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
    .action(async (plugin: string | undefined, command: string | undefined, rest: string[], options: RunOptions, self: Command) => {
      if (isHelp(plugin)) self.help()
      else await run({ plugin, command, rest }, options, outcome)
    })
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
  const isOurs = first.startsWith('-') || program.commands.some((command) => command.name() === first || first === 'help')
  return isOurs ? [...args] : ['run', ...args]
}

function isHelp(argument: string | undefined): boolean {
  return argument === '--help' || argument === '-h'
}

interface RunOptions {
  readonly config?: string
  readonly json?: boolean
}

interface Asked {
  readonly plugin: string | undefined
  readonly command: string | undefined
  readonly rest: readonly string[]
}

async function run(asked: Asked, options: RunOptions, outcome: { code: number }): Promise<void> {
  const opened = await open(options.config, { log: { format: 'silent' } })
  try {
    const { commands } = opened.server
    const { plugin, command, rest } = resolved(asked, commands)
    const own = plugin === undefined ? undefined : commands.get(plugin)
    if (!own) throw new UsageError(`${complaint(plugin, commands)}.\n${overview(near(plugin, commands))}`)
    const chosen = command === undefined ? undefined : own[command]
    if (!chosen || rest.some(isHelp)) {
      process.stdout.write(`${usage(plugin ?? '', chosen && command ? { [command]: chosen } : own)}\n`)
      outcome.code = chosen || command === undefined || isHelp(command) ? 0 : 2
      return
    }
    const controller = new AbortController()
    process.once('SIGINT', () => controller.abort(new Error('interrupted')))
    outcome.code = (await chosen.run(rest, io(options.json ?? false, controller.signal))) ?? 0
  } finally {
    await opened.close()
  }
}

/** `postroad user add` is `postroad auth-file add`: what the plugin is about, where its name is not what one would type. */
const ALSO: ReadonlyMap<string, string> = new Map([['user', 'auth-file']])

/** `postroad route ADDRESS` is `postroad routing route ADDRESS`, as long as only one plugin has such a command. */
function resolved(asked: Asked, commands: Commands): Asked {
  const name = asked.plugin
  if (name === undefined || commands.has(name)) return asked
  const also = ALSO.get(name)
  if (also !== undefined && commands.has(also)) return { ...asked, plugin: also }
  const owners = [...commands].filter(([, own]) => Object.hasOwn(own, name))
  const [owner] = owners
  if (!owner || owners.length > 1) return asked
  return { plugin: owner[0], command: name, rest: asked.command === undefined ? asked.rest : [asked.command, ...asked.rest] }
}

type Commands = ReadonlyMap<string, Readonly<Record<string, PluginCommand>>>

function complaint(plugin: string | undefined, commands: Commands): string {
  if (plugin === undefined) return 'Name a plugin'
  return near(plugin, commands) === commands
    ? `"${plugin}" is neither a command nor a plugin with commands in this configuration`
    : `"${plugin}" is there several times in this configuration, say which`
}

/** Those that may have been meant; all, when there are none. */
function near(plugin: string | undefined, commands: Commands): Commands {
  if (plugin === undefined) return commands
  const meant = [...commands].filter(([name, own]) => name.startsWith(`${plugin}@`) || Object.hasOwn(own, plugin))
  return meant.length === 0 ? commands : new Map(meant)
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

function overview(commands: Commands): string {
  if (commands.size === 0) return 'No plugin of this configuration has commands. Is --config right?'
  return [...commands].map(([name, own]) => usage(name, own)).join('\n')
}

function usage(plugin: string, own: Readonly<Record<string, PluginCommand>>): string {
  return Object.entries(own)
    .map(([name, command]) => `  postroad ${plugin} ${name}${command.usage ? ` ${command.usage}` : ''}\n      ${command.summary}`)
    .join('\n')
}
