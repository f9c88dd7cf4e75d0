import { Command, CommanderError } from 'commander'
import { UsageError } from './config/usage-error.ts'
import { version } from './version.ts'

type Outcome = { code: number }
type Add = (program: Command, outcome: Outcome) => Promise<void>

/** Each command is loaded when it is asked for: most bring along what the others do without. In the order of `--help`. */
const COMMANDS: ReadonlyMap<string, Add> = new Map<string, Add>([
  ['start', async (...to) => (await import('./command/start.ts')).startCommand(...to)],
  ['check', async (...to) => (await import('./command/check.ts')).checkCommand(...to)],
  ['explain', async (program) => (await import('./command/explain.ts')).explainCommand(program)],
  ['doctor', async (...to) => (await import('./command/doctor.ts')).doctorCommand(...to)],
  ['sender', async (...to) => (await import('./command/sender.ts')).senderCommands(...to)],
  ['try', async (...to) => (await import('./command/try.ts')).tryCommand(...to)],
  ['send', async (...to) => (await import('./command/send.ts')).sendCommand(...to)],
  ['sendmail', async (...to) => (await import('./command/sendmail.ts')).sendmailCommand(...to)],
  ['catch', async (...to) => (await import('./command/catch.ts')).catchCommand(...to)],
  ['dialogue', async (...to) => (await import('./command/dialogue.ts')).dialogueCommand(...to)],
  ['dev', async (...to) => (await import('./command/dev.ts')).devCommand(...to)],
  ['haraka', async (...to) => (await import('./command/haraka.ts')).harakaCommand(...to)],
  ['plugin', async (program) => (await import('./command/plugin-new.ts')).pluginNewCommand(program)],
  ['replay', async (...to) => (await import('./command/replay.ts')).replayCommand(...to)],
  ['why', async (...to) => (await import('./command/why.ts')).whyCommand(...to)],
  ['lookup', async (...to) => (await import('./command/lookup.ts')).lookupCommand(...to)],
  ['reports', async (...to) => (await import('./command/reports.ts')).reportsCommand(...to)],
  ['tls', async (...to) => (await import('./command/tls.ts')).tlsCommands(...to)],
  ['token', async (program) => (await import('./command/token.ts')).tokenCommand(program)],
  ['trace', async (program) => (await import('./command/trace.ts')).traceCommand(program)],
])

/** Arguments as commander is to see them, when the commands are there that they need: what is no command of ours is a plugin's, with options of its own. */
async function prepare(program: Command, args: readonly string[], outcome: Outcome): Promise<string[]> {
  const [first = '--help'] = args
  const add = COMMANDS.get(first)
  if (add !== undefined) {
    await add(program, outcome)
    return [...args]
  }
  const isForAll = first.startsWith('-') || first === 'help'
  if (isForAll && first !== '--version' && first !== '-V')
    for (const one of COMMANDS.values()) await one(program, outcome)
  if (first === '--version' || first === '-V') return [...args]
  const { addPluginCommands } = await import('./command/plugin.ts')
  addPluginCommands(program, { outcome, ours: [...COMMANDS.keys(), 'run'] })
  return isForAll || first === 'run' ? [...args] : ['run', ...args]
}

/** Runs the command line; resolves to the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  const outcome = { code: 0 }
  const program = new Command('postroad')
    .description('A pluggable mail-processing framework: compose a mail server from plugins.')
    .version(version())
    .showHelpAfterError('(add --help for what there is)')
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText(
      'after',
      '\nThe configuration is a file, or a folder with a postroad.config.{ts,js,yaml,json}; default: this folder.\nPlugins add commands of their own: postroad PLUGIN COMMAND … --config FILE',
    )
  try {
    await program.parseAsync(await prepare(program, args, outcome), { from: 'user' })
    return outcome.code
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2
    return tell(thrown)
  }
}

/** Says what went wrong; gives the exit code. */
async function tell(thrown: unknown): Promise<number> {
  // Only who fails needs the words for it.
  const [{ BootError, ERRORS, installCommand, PostroadError }, { errorOf }] = await Promise.all([
    import('@postroad/core'),
    import('@postroad/plugin'),
  ])
  // A configuration may throw anything.
  const error = errorOf(thrown)
  if (error instanceof PostroadError)
    process.stderr.write(`${error.code}: ${error.message}\n  ${ERRORS[error.code].fix}\n`)
  else if (error instanceof UsageError || error instanceof RangeError || error instanceof BootError)
    process.stderr.write(`${error.message}\n`)
  else {
    const command = installCommand(error)
    process.stderr.write(`${error.stack ?? error.message}\n${command === undefined ? '' : `\`${command}\`\n`}`)
  }
  return 1
}
