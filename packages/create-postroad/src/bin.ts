#!/usr/bin/env node
/** The command behind `npm create postroad NAME`. */
import { parseArgs } from 'node:util'
import { describeScaffold, scaffold } from './scaffold.ts'

const USAGE = `Usage: npm create postroad NAME [-- --folder FOLDER] [--file]

Begins a Postroad plugin: a folder that passes its own tests at once; with --file one file and its test, for a project that is there.
NAME is of lower-case letters, digits and hyphens, with or without a scope: no-lottery, @acme/no-lottery.
`

process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { folder: { type: 'string' }, file: { type: 'boolean' }, help: { type: 'boolean' } },
    })
    const [name] = positionals
    if (values.help || name === undefined) {
      process.stdout.write(USAGE)
      return values.help ? 0 : 2
    }
    const kind = values.file ? 'file' : 'package'
    process.stdout.write(describeScaffold(await scaffold({ name, folder: values.folder, kind }), kind))
    return 0
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return 1
  }
}
