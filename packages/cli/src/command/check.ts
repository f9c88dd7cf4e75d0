/** `postroad check`: validates a configuration without listening. */

import { BootError, ERRORS, PostroadError, type Server } from '@postroad/core'
import { createDns } from '@postroad/dns'
import { textOf } from '@postroad/plugin'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { tlsaWarnings } from './tlsa-check.ts'
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
      '\nNothing is made or changed. Folders and files are looked at with the rights of who runs it. TLSA records that do not agree\nwith the certificate of a listener are a warning; where DNS does not answer nothing is said of them.',
    )
    .action(async (given: string | undefined, { json, user }: { readonly json?: boolean; readonly user?: string }) => {
      if (user !== undefined) await become(user)
      const { mistakes, warnings } = await check(given)
      if (json) process.stdout.write(`${JSON.stringify({ ok: mistakes.length === 0, mistakes, warnings })}\n`)
      else tell(mistakes, warnings)
      outcome.code = mistakes.length === 0 ? 0 : 1
    })
}

/** Something that `postroad check` has to say of a configuration. */
export interface Warning {
  readonly message: string
  readonly fix: string
  /** It does not start, or mail will not arrive. */
  readonly isFault: boolean
}

interface Mistake {
  readonly code: string
  readonly message: string
  readonly fix: string
}

/** What surprises and is no mistake: in which scope, and what. */
interface Surprise {
  readonly scope: string
  readonly message: string
}

interface Checked {
  readonly mistakes: readonly Mistake[]
  /** What `explain` shows as warnings beside the mistakes. */
  readonly warnings: readonly Surprise[]
}

function tell(mistakes: readonly Mistake[], warnings: readonly Surprise[]): void {
  const said = mistakes.map(({ code, message, fix }) => `${code}: ${message}\n  ${fix}\n`)
  const warned = warnings.map(({ scope, message }) => `warning: scope "${scope}": ${message}\n`)
  process.stderr.write([...said, ...warned].join(''))
  if (mistakes.length > 0) return
  process.stdout.write(warnings.length === 0 ? 'The configuration is fine.\n' : 'The configuration has no mistakes.\n')
}

async function check(given: string | undefined): Promise<Checked> {
  try {
    const opened = await open(given, { looks: true, log: { format: 'silent' } })
    try {
      return {
        mistakes: (await opened.server.inspect()).map(({ error }) => mistake(error)),
        warnings: [...surprises(opened.server), ...(await tlsaWarnings(opened.server, createDns(opened.dns)))],
      }
    } finally {
      await opened.close()
    }
  } catch (error) {
    return { mistakes: mistakesOf(error), warnings: [] }
  }
}

function surprises(server: Pick<Server, 'explain'>): readonly Surprise[] {
  return server.explain().flatMap(({ name, warnings }) => warnings.map((message) => ({ scope: name, message })))
}

/** What is to be said of a configuration that could be set up. */
export async function inspected(server: Pick<Server, 'explain' | 'inspect'>): Promise<readonly Warning[]> {
  const found = (await server.inspect()).map(({ error }) => ({ ...mistake(error), isFault: true }))
  const fix = 'Nothing, if it is meant so; `postroad explain` shows what runs when.'
  return [
    ...found,
    ...surprises(server).map(({ scope, message }) => ({
      message: `scope "${scope}": ${message}`,
      fix,
      isFault: false,
    })),
  ]
}

/** Why a configuration cannot be set up. @throws what is none of its mistakes */
export function mistakesOf(error: unknown): readonly Mistake[] {
  if (error instanceof BootError) return error.errors.map(mistake)
  if (error instanceof PostroadError) return [mistake(error)]
  if (error instanceof UsageError) return [{ code: 'ERR_CONFIG', message: error.message, fix: ERRORS.ERR_CONFIG.fix }]
  throw error
}

function mistake({ code, message, cause }: PostroadError): Mistake {
  const why = textOf(cause)
  return {
    code,
    message: cause === undefined || message.includes(why) ? message : `${message}: ${why}`,
    fix: ERRORS[code].fix,
  }
}
