/** `postroad plugin new NAME`: the beginning of a plugin, as a folder of its own or as one file of this project. */
import type { Command } from 'commander'
import { describeScaffold, scaffold } from 'create-postroad'

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
    .description(
      'write a plugin that passes its own tests at once: a folder to be published, or with --file one file and its test',
    )
    .argument('<name>', 'lower-case letters, digits and hyphens, with or without a scope')
    .option('--file', 'one file and its test, for a project that is there')
    .option('--folder <folder>', 'where; default: postroad-plugin-NAME, with --file this folder')
    .option('--json', 'print JSON')
    .action(async (name: string, options: NewOptions) => begin(name, options))
}

async function begin(name: string, { folder, file, json }: NewOptions): Promise<void> {
  const kind = file ? 'file' : 'package'
  const made = await scaffold({ name, folder, kind })
  process.stdout.write(
    json ? `${JSON.stringify({ folder: made.folder, files: made.files })}\n` : describeScaffold(made, kind),
  )
}
