#!/usr/bin/env node
/** The command behind `npm create postroad NAME`. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { scaffold } from './scaffold.ts'

const USAGE =
  'Usage: npm create postroad NAME [-- --folder FOLDER]\n\nBegins a Postroad plugin: a folder that passes its own tests at once.\n'

process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { folder: { type: 'string' }, help: { type: 'boolean' } },
    })
    const [name] = positionals
    if (values.help || name === undefined) {
      process.stdout.write(USAGE)
      return values.help ? 0 : 2
    }
    const { folder, files } = await scaffold({ name, folder: values.folder })
    const place = path.relative('.', folder)
    process.stdout.write(
      `${files.map((file) => `  ${path.join(place, file)}`).join('\n')}\n\nNext:\n  cd ${place} && npm install && npm test\n`,
    )
    return 0
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return 1
  }
}
