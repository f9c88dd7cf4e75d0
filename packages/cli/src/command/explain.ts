/** `postroad explain`: what a configuration means, before a byte is received. */
import { explainText } from '@postroad/core'
import type { Command } from 'commander'
import { open } from '../open.ts'

/** Adds `explain`. */
export function explainCommand(program: Command): void {
  program
    .command('explain')
    .description('print scopes, listeners, EHLO keywords, hooks and waves')
    .argument('[config]', 'configuration file or folder')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nIn a line of a hook, "a + b" run at the same time, "a → b" one after the other.')
    .action(async (given: string | undefined, { json }: { readonly json?: boolean }) => {
      const opened = await open(given, { log: { format: 'silent' } })
      const scopes = opened.server.explain()
      await opened.close()
      process.stdout.write(`${json ? JSON.stringify(scopes) : explainText(scopes)}\n`)
    })
}
