/** What is said of a module that cannot be loaded: the mistake, its file and line, and the line itself. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { installCommand } from '@postroad/core'
import { ownFiles } from './modules.ts'

/** Milliseconds for node to read a file once more. */
const PATIENCE = 10_000

interface Place {
  /** `postroad.config.ts:8`. */
  readonly at: string
  readonly code: string | undefined
}

/** The message of an error, with file and line: it may be in any module that the configuration imports. */
export async function loadErrorText(error: Error): Promise<string> {
  const { message } = error
  // What `npm init` writes is a package of CommonJS.
  if (message.startsWith('Cannot use import statement'))
    return `${message}: \`npm pkg set type=module\` makes it one, or name the file postroad.config.mts`
  const command = installCommand(error)
  if (command !== undefined) return `${message.split('\n')[0]}: \`${command}\``
  const place = placeIn(error.stack ?? '') ?? (error instanceof SyntaxError ? await placeOfSyntax() : undefined)
  if (place === undefined) return message
  return `${place.at}: ${message}${place.code === undefined ? '' : `\n  ${place.code}`}`
}

/**
 * Of a syntax error the stack begins with the place, and some lines of the file, of which the wrong one has a mark below it; of another
 * error the first frame of a file counts.
 */
function placeIn(stack: string): Place | undefined {
  const [first = '', ...following] = stack.split('\n')
  const [, named, at] = /^((?:file:\/\/)?\/.*?|[A-Za-z]:\\.*?):(\d+)$/.exec(first) ?? []
  if (named !== undefined) {
    const mark = following.slice(0, 8).findIndex((line) => /^\s*[\^~]+\s*$/.test(line))
    return { at: `${shown(named)}:${at}`, code: following[Math.max(0, mark - 1)]?.trim() || undefined }
  }
  const [, url, line] = /^ +at [^\n]*?(file:\/\/[^\n]*?):(\d+):\d+\)?$/m.exec(stack) ?? []
  return url === undefined ? undefined : { at: `${shown(url)}:${line}`, code: undefined }
}

/** JavaScript that cannot be parsed does not say where: node says it of a file that it is asked to check. */
async function placeOfSyntax(): Promise<Place | undefined> {
  for (const file of ownFiles().filter((one) => /\.[cm]?js$/.test(one))) {
    const said = await new Promise<string>((resolve) => {
      execFile(process.execPath, ['--check', file], { timeout: PATIENCE }, (_, _out, err) => resolve(err))
    })
    const place = said.includes('SyntaxError') ? placeIn(said) : undefined
    if (place) return place
  }
  return undefined
}

function shown(given: string): string {
  const bare = given.replace(/\?.*$/, '')
  const file = bare.startsWith('file:') ? fileURLToPath(bare) : bare
  return path.relative(process.cwd(), file) || '.'
}
