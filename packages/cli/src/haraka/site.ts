/** The configuration of a Haraka, as it stands in a folder. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { UsageError } from '../config/usage-error.ts'

/** Sections of an ini file by name; what stands before the first is `main`. */
export type Ini = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Reads files of one site. */
export interface HarakaSite {
  /** Absolute. */
  readonly folder: string
  readonly config: string
  has(file: string): boolean
  /** The first line of a file, without blanks. */
  value(file: string): string | undefined
  list(file: string): readonly string[]
  ini(file: string): Ini
  /** Lines of `config/plugins` that are not comments, with their numbers. */
  readonly plugins: readonly { readonly name: string; readonly line: number }[]
}

interface Reader {
  get(name: string, type: string): unknown
}

/**
 * Opens a folder of Haraka: one with `config` in it, or `config` itself.
 *
 * @throws {UsageError} when there is none
 */
export function openSite(given: string): HarakaSite {
  const at = path.resolve(given)
  const config = ['config', '.']
    .map((name) => path.join(at, name))
    .find((one) => existsSync(path.join(one, 'plugins')) && statSync(path.join(one, 'plugins')).isFile())
  if (config === undefined)
    throw new UsageError(`${given} is no folder of Haraka: it has no config/plugins (the file that lists them)`)
  const reader = readerOf(config)
  const text = (file: string): string | undefined => {
    const one = path.join(config, file)
    return existsSync(one) && statSync(one).isFile() ? readFileSync(one, 'utf8') : undefined
  }
  const lines = (text('plugins') ?? '').split(/\r?\n/)
  return {
    folder: path.dirname(config),
    config,
    has: (file) => existsSync(path.join(config, file)),
    value: (file) => lineIn(text(file)),
    list: (file) => linesIn(text(file)),
    ini: (file) => (text(file) === undefined ? { main: {} } : (reader.get(file, 'ini') as Ini)), // that is what it gives for an ini file
    plugins: lines.flatMap((line, place) => {
      const name = line.trim()
      return name === '' || name.startsWith('#') ? [] : [{ name, line: place + 1 }]
    }),
  }
}

/** The library that Haraka reads with; it would watch the files, and this looks once. */
function readerOf(config: string): Reader {
  const require = createRequire(import.meta.url)
  const reader = require('haraka-config/lib/reader.js') as { watch_files: boolean } // as it is published
  reader.watch_files = false
  const made = (
    require('haraka-config') as { module_config(folder: string): Reader & { root_path: string } }
  ).module_config(config)
  made.root_path = config
  return made
}

function lineIn(text: string | undefined): string | undefined {
  return linesIn(text)[0]
}

function linesIn(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[#;]/.test(line))
}
