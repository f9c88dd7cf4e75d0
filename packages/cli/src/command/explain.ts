/** `postroad explain`: what a configuration means, before a byte is received. */
import { type ExplainedScope, explainText, type Finding } from '@postroad/core'
import { type Command, Option } from 'commander'
import { open } from '../open.ts'
import { mermaid, svg } from './drawing.ts'

const FORMATS: Readonly<Record<'text' | 'json' | 'mermaid' | 'svg', (scopes: readonly ExplainedScope[]) => string>> = {
  text: explainText,
  json: JSON.stringify,
  mermaid,
  svg,
}

/** Adds `explain`. */
export function explainCommand(program: Command): void {
  program
    .command('explain')
    .description('print scopes, listeners, EHLO keywords, hooks and waves')
    .argument('[config]', 'configuration file or folder')
    .option('--json', 'print JSON')
    .addOption(new Option('--format <format>', 'how').choices(['text', 'json', 'mermaid', 'svg']).default('text'))
    .addHelpText('after', '\nIn a line of a hook, "a + b" run at the same time, "a → b" one after the other.')
    .action(
      async (
        given: string | undefined,
        { json, format }: { readonly json?: boolean; readonly format: keyof typeof FORMATS },
      ) => {
        const opened = await open(given, { looks: true, log: { format: 'silent' } })
        const findings = await opened.server.inspect()
        const scopes = opened.server.explain().map((scope) => withFindings(scope, findings))
        await opened.close()
        process.stdout.write(`${FORMATS[json ? 'json' : format](scopes)}\n`)
      },
    )
}

/** What `postroad check` finds beyond mistakes is a warning here: the rest is shown all the same. */
function withFindings(scope: ExplainedScope, findings: readonly Finding[]): ExplainedScope {
  const own = findings.filter((finding) => finding.scope === scope.name).map(({ error }) => error.message)
  return { ...scope, warnings: [...scope.warnings, ...own] }
}
