/** `postroad plugin new NAME`: the beginning of a plugin, as a folder of its own or as one file of this project. */
import path from 'node:path'
import type { Command } from 'commander'
import { scaffold } from 'create-postroad'

interface NewOptions {
  readonly folder?: string
  readonly file?: boolean
  readonly json?: boolean
}

/** Adds `plugin new`. */
export function pluginNewCommand(program: Command): void {
  program
    .command('plugin')
    .description('begin a plugin: "plugin new NAME"')
    .command('new')
    .description('write a plugin that passes its own tests at once: a folder to be published, or with --file one file and its test')
    .argument('<name>', 'lower-case letters, digits and hyphens')
    .option('--file', 'one file and its test, for a project that is there')
    .option('--folder <folder>', 'where; default: postroad-plugin-NAME, with --file this folder')
    .option('--json', 'print JSON')
    .action(async (name: string, options: NewOptions) => begin(name, options))
}

async function begin(name: string, { folder: wanted, file, json }: NewOptions): Promise<void> {
  const { folder, files, needs } = await scaffold({ name, folder: wanted, kind: file ? 'file' : 'package' })
  const place = path.relative('.', folder)
  if (json) return void process.stdout.write(`${JSON.stringify({ folder, files })}\n`)
  const tools = ['@postroad/plugin', '@postroad/testing', 'zod'].map((tool) => `${tool}@${needs[tool]}`).join(' ')
  const next = file
    ? `  npm install ${tools}\n  node --test ${path.join(place, files.at(-1) ?? '')}\n\nThen: import it in postroad.config.ts, and app.use(…) it.`
    : `  cd ${place} && npm install && npm test`
  process.stdout.write(`${files.map((one) => `  ${path.join(place, one)}`).join('\n')}\n\nNext:\n${next}\n`)
}
