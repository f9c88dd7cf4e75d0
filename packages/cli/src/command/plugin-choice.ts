/** Which command of which plugins is meant by `postroad PLUGIN COMMAND …`, and by what is short for it. */
import type { PluginCommand } from '@postroad/plugin'
import { UsageError } from '../config/usage-error.ts'

/** What plugins of a configuration can be asked, by plugin; `name@scope` where several scopes use one. */
export type Commands = ReadonlyMap<string, Readonly<Record<string, PluginCommand>>>

/** Words of the command line. */
export interface AskedCommand {
  readonly plugin: string | undefined
  readonly command: string | undefined
  readonly rest: readonly string[]
}

/** What is meant by them. */
export interface Choice extends Omit<AskedCommand, 'plugin'> {
  /** Never empty; several when all of them are to be asked. */
  readonly plugins: Commands
}

/** `postroad user add` is `postroad auth-file add`: what the plugin is about, where its name is not what one would type. */
const ALSO: ReadonlyMap<string, string> = new Map([['user', 'auth-file']])

/**
 * `postroad route ADDRESS` is `postroad routing route ADDRESS`, as long as only one plugin has such a command. Of a plugin that several
 * scopes use, all are asked, when the command only looks.
 *
 * @throws {UsageError} that lists what there is
 */
export function choose(asked: AskedCommand, commands: Commands): Choice {
  const { plugin: name, command, rest } = asked
  if (name === undefined) throw new UsageError(`Name a plugin.\n${overview(commands)}`)
  const named = only(commands, (plugin) => plugin === name || baseOf(plugin) === (ALSO.get(name) ?? name))
  if (named.size > 0) return single({ plugins: named, command, rest }, name)
  const owners = only(commands, (_, own) => Object.hasOwn(own, name))
  if (owners.size > 0)
    return single({ plugins: owners, command: name, rest: command === undefined ? rest : [command, ...rest] }, name)
  throw new UsageError(
    `"${name}" is neither a command nor a plugin with commands in this configuration.\n${overview(commands)}`,
  )
}

/** What these plugins can do, as `--help` says it. */
export function overview(commands: Commands): string {
  if (commands.size === 0) return 'No plugin of this configuration has commands. Is --config right?'
  return [...commands].map(([name, own]) => usage(name, own)).join('\n')
}

function single(choice: Choice, name: string): Choice {
  const { plugins, command } = choice
  if (plugins.size === 1 || (isOnePlugin(plugins) && isForAll(plugins, command))) return choice
  throw new UsageError(`"${name}" is there several times in this configuration, say which.\n${overview(plugins)}`)
}

function isOnePlugin(plugins: Commands): boolean {
  return new Set([...plugins.keys()].map(baseOf)).size === 1
}

function isForAll(plugins: Commands, command: string | undefined): boolean {
  return [...plugins.values()].every((own) => command !== undefined && own[command]?.onlyLooks === true)
}

function baseOf(plugin: string): string {
  return plugin.replace(/@.*$/, '')
}

function only(
  commands: Commands,
  fits: (plugin: string, own: Readonly<Record<string, PluginCommand>>) => boolean,
): Commands {
  return new Map([...commands].filter(([plugin, own]) => fits(plugin, own)))
}

function usage(plugin: string, own: Readonly<Record<string, PluginCommand>>): string {
  return Object.entries(own)
    .map(
      ([name, command]) =>
        `  postroad ${plugin} ${name}${command.usage ? ` ${command.usage}` : ''}\n      ${command.summary}`,
    )
    .join('\n')
}
