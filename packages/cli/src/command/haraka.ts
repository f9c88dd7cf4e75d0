/** `postroad haraka import FOLDER` and `check FOLDER`: a Haraka's configuration as one of this server. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { importSite } from '../haraka/decide.ts'
import { openSite } from '../haraka/site.ts'
import type { Imported, ImportStep } from '../haraka/step.ts'
import { configText, packagesOf } from '../haraka/write.ts'

const FILE = 'postroad.config.ts'
const WORDS: Readonly<Record<ImportStep['kind'], string>> = {
  native: 'native',
  haraka: 'as it is',
  server: 'built in',
  open: 'to do',
}

interface Options {
  readonly to?: string
  readonly force?: boolean
  readonly json?: boolean
}

/** Adds `haraka`. */
export function harakaCommand(program: Command, outcome: { code: number }): void {
  const haraka = program
    .command('haraka')
    .description('move a Haraka here: "haraka check FOLDER", "haraka import FOLDER"')
  haraka
    .command('check')
    .description('say line by line what would become of a Haraka; exit code 1 when something is left for you to do')
    .argument('<folder>', 'of the Haraka: the one with config/plugins')
    .option('--json', 'print JSON lines')
    .action((folder: string, { json }: Options) => {
      const made = importSite(openSite(folder), process.cwd())
      print(made.steps, json)
      outcome.code = made.steps.some(({ kind }) => kind === 'open') ? 1 : 0
    })
  haraka
    .command('import')
    .description(`write a ${FILE} that does what a Haraka does, and say line by line how`)
    .argument('<folder>', 'of the Haraka: the one with config/plugins. It is only read')
    .option('--to <folder>', 'where it is written; default: this folder')
    .option('--force', `write over a ${FILE} that is there`)
    .option('--json', 'print JSON lines')
    .action((folder: string, options: Options) => write(folder, options))
}

function write(given: string, { to = '.', force = false, json }: Options): void {
  const folder = path.resolve(to)
  const file = path.join(folder, FILE)
  if (existsSync(file) && !force)
    throw new UsageError(`${file} is there already: --force writes over it, --to writes elsewhere`)
  const site = openSite(given)
  const made = importSite(site, folder)
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, configText(made))
  print(made.steps, json)
  if (!json) process.stdout.write(next(made, { file, haraka: given }))
}

function print(steps: readonly ImportStep[], json = false): void {
  const width = Math.min(48, Math.max(...steps.map(({ at }) => at.length)))
  for (const { at, kind, text } of steps)
    process.stdout.write(
      json ? `${JSON.stringify({ at, kind, text })}\n` : `${at.padEnd(width)}  ${WORDS[kind].padEnd(8)}  ${text}\n`,
    )
}

function next(made: Imported, { file, haraka }: { readonly file: string; readonly haraka: string }): string {
  const count = (kind: ImportStep['kind']): number => made.steps.filter((step) => step.kind === kind).length
  return `
${count('native')} by plugins of this server, ${count('haraka')} as they are, ${count('server')} built in, ${count('open')} to do.
Written: ${file}

  npm install ${packagesOf(made).join(' ')}
  npx postroad check ${path.dirname(file)}

Both side by side, before any mail depends on it: let it listen on a port of its own, and show the same messages to it:
  npx postroad try MESSAGE.eml --from you@example.com --to someone@your.domain --config ${path.dirname(file)}
  npx postroad replay LOG --messages FOLDER --config ${path.dirname(file)}
Or run a plugin of Haraka beside ours, heard and not obeyed:
  app.use(haraka({ plugin: 'haraka-plugin-spf', config: '${haraka}/config' }), { as: 'haraka-spf', mode: 'shadow' })
`
}
