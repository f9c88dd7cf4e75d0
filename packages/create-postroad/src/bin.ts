#!/usr/bin/env node
/** The command behind `npm create postroad`. */
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { describeScaffold, scaffold } from './scaffold.ts'
import { describeServer, SERVERS, type ServerKind, scaffoldServer } from './server.ts'

const PLUGIN = 'a plugin, to be published or for your own server'
const KINDS: Readonly<Record<string, string>> = { ...SERVERS, plugin: PLUGIN }
const USAGE = `Usage: npm create postroad [NAME] [-- --kind KIND --folder FOLDER --file]

Begins a folder that starts, and passes its own tests at once. What is not said is asked for; where nobody can be asked, KIND is plugin.

${Object.entries(KINDS)
  .map(([kind, what]) => `  --kind ${kind.padEnd(12)}${what}`)
  .join('\n')}
  --folder FOLDER    default: the name
  --file             of a plugin: one file and its test, for a project that is there

NAME is of lower-case letters, digits and hyphens; that of a plugin may have a scope: no-lottery, @acme/no-lottery.
`

process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        kind: { type: 'string' },
        folder: { type: 'string' },
        file: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
    if (values.help) return say(USAGE)
    const { name, kind } = await wanted(positionals[0], values.kind ?? (values.file ? 'plugin' : undefined))
    if (name === undefined) {
      say(USAGE)
      return 2
    }
    if (isServer(kind)) {
      if (values.file) throw new RangeError(`--file is for plugins, not for ${kind}`)
      return say(describeServer(await scaffoldServer({ kind, name, folder: values.folder })))
    }
    if (kind !== 'plugin')
      throw new RangeError(`--kind is one of ${Object.keys(KINDS).join(', ')}, not "${kind}"${meant(kind)}`)
    const shape = values.file ? 'file' : 'package'
    return say(describeScaffold(await scaffold({ name, folder: values.folder, kind: shape }), shape))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return 1
  }
}

/** Asks for what was not said, where there is somebody to be asked. */
async function wanted(
  name: string | undefined,
  kind: string | undefined,
): Promise<{ readonly name: string | undefined; readonly kind: string }> {
  if ((name !== undefined && kind !== undefined) || !process.stdin.isTTY) return { name, kind: kind ?? 'plugin' }
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const words = Object.keys(KINDS)
    if (kind === undefined) {
      say(words.map((word, n) => `  ${n + 1}  ${word.padEnd(12)}${KINDS[word]}\n`).join(''))
      const answer = (await lines.question('What shall it be? ')).trim()
      kind = words[Number(answer) - 1] ?? answer
    }
    name ??= (await lines.question('Its name? ')).trim()
    return { name: name === '' ? undefined : name, kind }
  } finally {
    lines.close()
  }
}

function isServer(kind: string): kind is ServerKind {
  return Object.hasOwn(SERVERS, kind)
}

/** This package has no dependencies: a beginning that is the same is as near as it looks. */
function meant(kind: string): string {
  const near = Object.keys(KINDS).find((word) => word.startsWith(kind.slice(0, 2)))
  return near === undefined ? '' : `; did you mean "${near}"?`
}

function say(text: string): 0 {
  process.stdout.write(text)
  return 0
}
