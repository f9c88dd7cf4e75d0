/** Takes the types out of the files that targets are made of, once for all of a bench. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * Makes JavaScript of every file below `test/` of a checkout, in its `.work/bench`. Returns the path of a list for `stripped.mjs`:
 * URL of a file → path of what was made of it.
 */
export function stripTests(tree: string): string {
  const from = join(tree, 'test')
  const names = readdirSync(from, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  )
  const to = join(tree, '.work', 'bench')
  const made = names.map((name) => [pathToFileURL(join(from, name)).href, strip(join(from, name), join(to, name))])
  const list = join(to, 'made.json')
  mkdirSync(to, { recursive: true })
  writeFileSync(list, JSON.stringify(Object.fromEntries(made)))
  return list
}

function strip(file: string, target: string): string {
  const made = statSync(target, { throwIfNoEntry: false })
  if (made && made.mtimeMs > statSync(file).mtimeMs) return target
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, stripTypeScriptTypes(readFileSync(file, 'utf8')))
  return target
}
