/** Code in documentation: fenced blocks that name a file, or show a console. */

/** A file that a page shows: the fence says its language and its name. */
export interface ShownFile {
  readonly name: string
  readonly text: string
  /** The heading above it. */
  readonly heading: string
}

/** A command that a page shows, and what it prints; `…` stands for any text, on a line of its own for any lines. */
export interface ShownCommand {
  readonly command: string
  readonly output: readonly string[]
}

/** Everything a page shows, in order. */
export function readPage(markdown: string): readonly (ShownFile | ShownCommand)[] {
  const found: (ShownFile | ShownCommand)[] = []
  let heading = ''
  for (const match of markdown.matchAll(/^#+ (.+)$|^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)) {
    const [, title, language, name, text = ''] = match
    if (title !== undefined) heading = title
    else if (language === 'console') found.push(...commands(text))
    else if (name !== undefined) found.push({ name, text, heading })
  }
  return found
}

function commands(text: string): readonly ShownCommand[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((block) => {
      const [command = '', ...output] = block.trimEnd().split('\n')
      return { command, output }
    })
}

/** Whether the lines are what was shown. */
export function fits(shown: readonly string[], lines: readonly string[]): boolean {
  const pattern = shown
    .map((line) => (line.trim() === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(quote).join('.*')}\\n`))
    .join('')
  return new RegExp(`^${pattern}$`).test(`${lines.join('\n')}\n`)
}

function quote(text: string): string {
  return text.trimEnd().replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
