/** Public test suites that live beside the repository. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'

const folder = process.env['POSTROAD_SUITES'] ?? fileURLToPath(new URL('../../../shared/suites', import.meta.url))

/** Path of a file of the suites. */
export function suiteFile(name: string): string {
  return join(folder, name)
}

/** `false` when the file is there, else what to say of the test that cannot run. */
export function missing(name: string): string | false {
  return existsSync(suiteFile(name)) ? false : `${name} is missing: set POSTROAD_SUITES`
}

/** The documents of a YAML file; a name that comes a second time gets a suffix, lest its case be lost. */
export function readYaml<T>(name: string): T[] {
  const seen = new Set<string>()
  const text = readFileSync(suiteFile(name), 'utf8').replace(/^ {2}(\w+): *$/gm, (line, key: string) => {
    if (seen.has(key)) return `  ${key}_again:`
    seen.add(key)
    return line
  })
  return parseAllDocuments(text)
    .map((document) => document.toJS() as T) // `as`: the suites are what their README says
    .filter((document) => document !== null)
}
