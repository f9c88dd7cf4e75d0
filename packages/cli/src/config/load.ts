/** Finds and reads a configuration. Whether what it says can be is judged by the engine, whatever it was written in. */

import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '@postroad/core'
import { errorOf, textOf } from '@postroad/plugin'
import { loadErrorText } from './load-error.ts'
import { beginLoad, importOwn, outdatedPackages } from './modules.ts'
import { UsageError } from './usage-error.ts'

/** A configuration and where it came from. */
export interface LoadedConfig {
  readonly config: Config
  /** Absolute. */
  readonly file: string
  /** Relative folders of the configuration start here. */
  readonly base: string
  /** Installed packages that have changed since this process read them: it goes on with what they were until it is started again. */
  readonly outdated: readonly string[]
}

const NAMES = [
  'postroad.config.ts',
  'postroad.config.mts',
  'postroad.config.js',
  'postroad.config.mjs',
  'postroad.config.yaml',
  'postroad.config.yml',
  'postroad.config.json',
]

/**
 * Reads a configuration, and anew at each call: itself and every module that it imports by path.
 *
 * @param given a file, or a folder with a `postroad.config.*`; default the working directory
 * @throws {UsageError} when there is none, or it cannot be read, or is no configuration
 */
export async function loadConfig(given = '.'): Promise<LoadedConfig> {
  const file = await find(path.resolve(given))
  const base = path.dirname(file)
  beginLoad()
  const config = /\.(ya?ml|json)$/.test(file) ? await fromData(file) : await fromModule(file)
  return { config, file, base, outdated: outdatedPackages() }
}

/** Whether a folder, by default the working directory, has one: for commands that can do without. */
export async function hasConfig(folder = '.'): Promise<boolean> {
  return await find(path.resolve(folder)).then(
    () => true,
    () => false, // what is wrong with it is said when it is asked for
  )
}

async function find(given: string): Promise<string> {
  const found = await stat(given).catch(() => undefined)
  if (found?.isFile()) return given
  if (!found?.isDirectory()) throw new UsageError(`There is no configuration at ${shown(given)}`)
  for (const name of NAMES) {
    const file = path.join(given, name)
    if ((await stat(file).catch(() => undefined))?.isFile()) return file
  }
  throw new UsageError(`There is no configuration in ${shown(given)}: looked for ${NAMES.join(', ')}`)
}

async function fromModule(file: string): Promise<Config> {
  let module: { readonly default?: unknown }
  try {
    module = await importOwn(file)
  } catch (cause) {
    throw new UsageError(`${shown(file)} cannot be loaded: ${await loadErrorText(errorOf(cause))}`, { cause })
  }
  if (!isConfig(module.default))
    throw new UsageError(`${shown(file)} must have a default export made by defineConfig({ … , setup(app) { … } })`)
  return module.default
}

async function fromData(file: string): Promise<Config> {
  // Who writes TypeScript needs neither.
  const [{ parse: parseYaml }, { configFromData }] = await Promise.all([import('yaml'), import('./data.ts')])
  const text = await readFile(file, 'utf8')
  let data: unknown
  try {
    data = file.endsWith('.json') ? JSON.parse(text) : parseYaml(text)
  } catch (cause) {
    throw new UsageError(`${shown(file)} cannot be read: ${textOf(cause)}`, { cause })
  }
  return configFromData(data, { file, text })
}

function isConfig(value: unknown): value is Config {
  return typeof value === 'object' && value !== null && 'setup' in value && typeof value.setup === 'function'
}

function shown(file: string): string {
  return path.relative(process.cwd(), file) || '.'
}
