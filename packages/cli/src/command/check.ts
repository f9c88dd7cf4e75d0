/** `postroad check`: validates a configuration without listening. */

import { BootError, ERRORS, PostroadError } from '@postroad/core'
import { textOf } from '@postroad/plugin'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { become } from './workers.ts'

/** Adds `check`. */
export function checkCommand(program: Command, outcome: { code: number }): void {
  program
    .command('check')
    .description('validate a configuration without listening; exit code 1 when there are mistakes')
    .argument('[config]', 'configuration file or folder')
    .option('--json', 'print the mistakes as JSON')
    .option('--user <name>', 'look with the rights of this user, as start --user has them')
    .addHelpText(
      'after',
      '\nNothing is made or changed. Folders and files are looked at with the rights of who runs it.',
    )
    .action(async (given: string | undefined, { json, user }: { readonly json?: boolean; readonly user?: string }) => {
      if (user !== undefined) await become(user)
      const mistakes = await check(given)
      if (json) process.stdout.write(`${JSON.stringify({ ok: mistakes.length === 0, mistakes })}\n`)
      else if (mistakes.length === 0) process.stdout.write('The configuration is fine.\n')
      else
        process.stderr.write(
          `${mistakes.map(({ code, message, fix }) => `${code}: ${message}\n  ${fix}`).join('\n')}\n`,
        )
      outcome.code = mistakes.length === 0 ? 0 : 1
    })
}

interface Mistake {
  readonly code: string
  readonly message: string
  readonly fix: string
}

async function check(given: string | undefined): Promise<readonly Mistake[]> {
  try {
    const opened = await open(given, { looks: true, log: { format: 'silent' } })
    try {
      return (await opened.server.inspect()).map(({ error }) => mistake(error))
    } finally {
      await opened.close()
    }
  } catch (error) {
    if (error instanceof BootError) return error.errors.map(mistake)
    if (error instanceof PostroadError) return [mistake(error)]
    if (error instanceof UsageError) return [{ code: 'ERR_CONFIG', message: error.message, fix: ERRORS.ERR_CONFIG.fix }]
    throw error
  }
}

function mistake({ code, message, cause }: PostroadError): Mistake {
  const why = textOf(cause)
  return {
    code,
    message: cause === undefined || message.includes(why) ? message : `${message}: ${why}`,
    fix: ERRORS[code].fix,
  }
}
