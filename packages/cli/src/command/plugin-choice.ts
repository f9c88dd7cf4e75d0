/** Which command of which plugins is meant by `postroad PLUGIN COMMAND …`, and by what is short for it. */
import { suggestion } from '@postroad/options'
import type { PluginCommand } from '@postroad/plugin'
import { UsageError } from '../config/usage-error.ts'

/** The words of the command line are wrong: exit code 2. */
export class WrongUsage extends UsageError {}

/** What plugins of a configuration can be asked, by plugin; `name@scope` where several scopes use one. */
export type Commands = ReadonlyMap<string, Readonly<Record<string, PluginCommand>>>

/** Words of the command line. */
export interface AskedCommand {
  readonly plugin: string | undefined
  readonly command: string | undefined
  readonly rest: readonly string[]
  /** Names of the commands that are no plugin's. */
  readonly ours: readonly string[]
}

/** What is meant by them. */
export interface Choice extends Omit<AskedCommand, 'plugin' | 'ours'> {
  /** Never empty; several when all of them are to be asked. */
  readonly plugins: Commands
}

/** `postroad user add` is `postroad auth-file add`: what the plugin is about, where its name is not what one would type. */
const ALSO: ReadonlyMap<string, string> = new Map([['user', 'auth-file']])

/**
 * `postroad route ADDRESS` is `postroad routing route ADDRESS`, as long as only one plugin has such a command. Of a plugin that several
 * scopes use, all are asked, when the command only looks.
 *
 * @throws {WrongUsage} that lists what there is
 */
export function choose(asked: AskedCommand, commands: Commands): Choice {
  const { plugin: name, command, rest, ours } = asked
  if (name === undefined) throw new WrongUsage(`Name a plugin.\n${overview(commands)}`)
  const named = only(commands, (plugin) => plugin === name || baseOf(plugin) === (ALSO.get(name) ?? name))
  if (named.size > 0) return single({ plugins: named, command, rest }, name)
  const owners = only(commands, (_, own) => Object.hasOwn(own, name))
  if (owners.size > 0)
    return single({ plugins: owners, command: name, rest: command === undefined ? rest : [command, ...rest] }, name)
  throw new WrongUsage(unknownWord(name, { commands, ours }))
}

/** What is said of a word that is neither a command nor a plugin: what may have been meant, and else what there is. */
function unknownWord(word: string, { commands, ours }: { commands: Commands; ours: readonly string[] }): string {
  const said = `"${word}" is neither a command nor a plugin with commands in this configuration`
  const plugins = [...commands.keys()]
  const bare = [...commands.values()].flatMap((own) => Object.keys(own))
  const meant = suggestion(word, [...ours, ...plugins.map(baseOf), ...ALSO.keys(), ...bare])
  if (meant !== undefined) return `${said}; did you mean "${meant}"?`
  const lists = [...commands].map(([plugin, own]) => `  postroad ${plugin}: ${Object.keys(own).join(', ')}`)
  return [`${said}. There are`, `  postroad: ${ours.join(', ')}`, ...lists].join('\n')
}

/** What is said of a word that is no command of these plugins, which are of one name. */
export function unknownCommand(word: string, plugins: Commands): string {
  const names = [...new Set([...plugins.values()].flatMap((own) => Object.keys(own)))]
  const meant = suggestion(word, names)
  const said = `"${word}" is no command of ${[...new Set([...plugins.keys()].map(baseOf))].join(', ')}`
  return meant === undefined ? `${said}; there are ${names.join(', ')}` : `${said}; did you mean "${meant}"?`
}

/**
 * Holds options against those that the command's usage names; a command that says no usage takes any.
 *
 * @throws {WrongUsage} naming the first that is none, and what may have been meant
 */
export function checkOptions(args: readonly string[], usage: string | undefined): void {
  if (usage === undefined) return
  const known = ['--help', ...new Set(usage.match(/--[a-z][\w-]*/gi) ?? [])]
  for (const arg of args) {
    const option = /^--[^=]+/.exec(arg)?.[0]
    if (option === undefined || known.includes(option)) continue
    const meant = suggestion(option, known)
    throw new WrongUsage(
      `${option}: there is no such option; ${meant === undefined ? `there are ${known.join(', ')}` : `did you mean "${meant}"?`}`,
    )
  }
}

/** What these plugins can do, as `--help` says it. */
export function overview(commands: Commands): string {
  if (commands.size === 0) return 'No plugin of this configuration has commands. Is --config right?'
  return [...commands].map(([name, own]) => usage(name, own)).join('\n')
}

function single(choice: Choice, name: string): Choice {
  const { plugins, command } = choice
  if (plugins.size === 1 || (isOnePlugin(plugins) && isForAll(plugins, command))) return choice
  throw new WrongUsage(`"${name}" is there several times in this configuration, say which.\n${overview(plugins)}`)
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
