/**
 * Sizes of files and functions, to compare two trees: `node test/structure/size.ts [ROOT …]`, default this one. Lines of a function are those from its name
 * to its last brace; what is shorter than a line, an arrow handed to a call for one, counts for nothing.
 */
import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { parse } from 'acorn'

const ROOT = new URL('../..', import.meta.url).pathname
const LONG_LINE = 120

for (const root of process.argv.length > 2 ? process.argv.slice(2) : [ROOT])
  process.stdout.write(`${root}\n${measure(root).join('\n')}\n`)

function measure(root: string): string[] {
  const paths = globSync(['{packages,plugins}/*/src/**/*.ts', 'test/**/*.ts'], { cwd: root }).filter(
    (path) => !path.includes('node_modules'),
  )
  const sets: readonly (readonly [name: string, paths: readonly string[]])[] = [
    ['production', paths.filter((path) => !path.startsWith('test/') && !path.endsWith('.test.ts'))],
    ['tests', paths.filter((path) => path.startsWith('test/') || path.endsWith('.test.ts'))],
  ]
  return sets.map(([name, of]) => {
    const texts = of.map((path) => readFileSync(join(root, path), 'utf8'))
    const files = texts.map((text) => text.split('\n').length - 1)
    const functions = texts.flatMap(linesOfFunctions)
    const long = texts
      .flatMap((text) => text.split('\n'))
      .filter((line) => line.length > LONG_LINE && !/^\s*(?:\/\/|\/?\*)/.test(line))
    return `  ${name}: ${files.length} files of ${describe(files)} lines, ${functions.length} functions of ${describe(functions)}, ${long.length} lines of code above ${LONG_LINE} columns`
  })
}

/** Median and largest. */
function describe(sizes: readonly number[]): string {
  const sorted = sizes.toSorted((a, b) => a - b)
  return `${sorted[Math.floor(sorted.length / 2)]} (at most ${sorted.at(-1)})`
}

function linesOfFunctions(text: string): number[] {
  const found: number[] = []
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const each of node) visit(each)
    else if (typeof node === 'object' && node !== null && 'type' in node) {
      if (
        /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(String(node.type)) &&
        'loc' in node
      ) {
        const { start, end } = node.loc as {
          readonly start: { readonly line: number }
          readonly end: { readonly line: number }
        } // acorn's, by `locations`
        if (end.line > start.line) found.push(end.line - start.line + 1)
      }
      for (const value of Object.values(node)) visit(value)
    }
  }
  visit(parse(stripTypeScriptTypes(text), { ecmaVersion: 'latest', sourceType: 'module', locations: true }))
  return found
}
