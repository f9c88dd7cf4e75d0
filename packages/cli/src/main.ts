import { BootError, ERRORS, installCommand, PostroadError } from '@postroad/core'
import { errorOf } from '@postroad/plugin'
import { Command, CommanderError } from 'commander'
import { checkCommand } from './command/check.ts'
import { devCommand } from './command/dev.ts'
import { dialogueCommand } from './command/dialogue.ts'
import { doctorCommand } from './command/doctor.ts'
import { explainCommand } from './command/explain.ts'
import { addPluginCommands, namePluginCommand } from './command/plugin.ts'
import { pluginNewCommand } from './command/plugin-new.ts'
import { replayCommand } from './command/replay.ts'
import { reportsCommand } from './command/reports.ts'
import { sendCommand } from './command/send.ts'
import { startCommand } from './command/start.ts'
import { tlsCommands } from './command/tls.ts'
import { tokenCommand } from './command/token.ts'
import { traceCommand } from './command/trace.ts'
import { tryCommand } from './command/try.ts'
import { whyCommand } from './command/why.ts'
import { UsageError } from './config/usage-error.ts'
import { version } from './version.ts'

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
  startCommand(program, outcome)
  checkCommand(program, outcome)
  explainCommand(program)
  doctorCommand(program, outcome)
  tryCommand(program, outcome)
  sendCommand(program, outcome)
  dialogueCommand(program, outcome)
  devCommand(program, outcome)
  pluginNewCommand(program)
  replayCommand(program, outcome)
  whyCommand(program, outcome)
  reportsCommand(program, outcome)
  tlsCommands(program, outcome)
  tokenCommand(program)
  traceCommand(program)
  addPluginCommands(program, outcome)
  try {
    await program.parseAsync(namePluginCommand(program, args), { from: 'user' })
    return outcome.code
  } catch (thrown) {
    // A configuration may throw anything.
    const error = errorOf(thrown)
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
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
}
