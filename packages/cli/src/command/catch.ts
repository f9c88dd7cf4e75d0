/** `postroad catch`, where its package is installed: it is made of plugins, which this one does not bring along. */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'

/** As `@postroad/catch/command` has it; a name that is not written as an import, because the package is above this one. */
interface CatchModule {
  catchCommand(words: readonly string[]): Promise<number>
}
const PACKAGE = '@postroad/catch/command'

/** Adds `catch`. Its command line is its own. */
export function catchCommand(program: Command, outcome: { code: number }): void {
  program
    .command('catch')
    .description('take all mail of programs under development, and show it; see catch --help')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .passThroughOptions()
    .argument('[words...]')
    .action(async (words: readonly string[]) => {
      outcome.code = await (await load()).catchCommand(words)
    })
}

/** From here, or from the folder it is called in: a command that is installed for all has no packages of a project. */
async function load(): Promise<CatchModule> {
  const here = await imported(PACKAGE)
  if (here) return here
  const required = createRequire(pathToFileURL(`${process.cwd()}/`))
  try {
    return await import(pathToFileURL(required.resolve(PACKAGE)).href)
  } catch (cause) {
    throw new UsageError(
      'catch is a package of its own: `npm install -D @postroad/catch`, or without installing it: `npx @postroad/catch`',
      { cause },
    )
  }
}

/** Undefined when it is not installed there. */
async function imported(name: string): Promise<CatchModule | undefined> {
  try {
    return await import(name)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException // what `import` throws
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes("'@postroad/catch'")) return undefined
    throw error
  }
}
