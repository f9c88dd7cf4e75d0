/** A configuration as data, for operators who do not write TypeScript: the same options, judged by the same schema, and plugins by package name. */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { type App, BootError, type Config, installCommand, judgeData, PostroadError } from '@postroad/core'
import { suggestion } from '@postroad/options'
import { type Plugin, textOf } from '@postroad/plugin'
import { lineFinder } from './line.ts'
import { importOwn } from './modules.ts'
import { UsageError } from './usage-error.ts'

type ConfigData = ReturnType<typeof judgeData>['value']
type ScopeData = Pick<ConfigData, 'listen' | 'use'>
type UseData = NonNullable<ConfigData['use']>[number]

/** Where the data came from. */
interface Origin {
  /** Absolute. */
  readonly file: string
  readonly text: string
}

/** The same as a module would export; what is wrong is said by its `setup`, with the file and line of each mistake. */
export function configFromData(data: unknown, { file, text }: Origin): Config {
  const { value, mistakes, pathBefore } = judgeData(data)
  let lineOf: ReturnType<typeof lineFinder> | undefined
  const placeOf: PlaceOf = (place) => {
    lineOf ??= lineFinder(text)
    return `${path.basename(file)}:${lineOf(place)}`
  }
  const source: Source = { load: loader(file), placeOf: (place) => placeOf(pathBefore(place)) }
  const { listen, use, scopes = {}, ...general } = value
  const fillAll = async (app: App): Promise<void> => {
    await install([...(use ?? []), ...Object.values(scopes).flatMap(({ use = [] }) => use)], file)
    await fill(app, value, source)
    for (const [name, content] of Object.entries(scopes)) {
      let inner: App | undefined
      app.scope(name, (one) => {
        inner = one
      })
      if (inner)
        await fill(inner, content, { ...source, placeOf: (place) => source.placeOf(['scopes', name, ...place]) })
    }
  }
  return {
    ...general,
    async setup(app) {
      if (mistakes.length === 0) return fillAll(app)
      const errors = mistakes.map(
        ({ code, path: place, message }) => new PostroadError(code, `${placeOf(place)}: ${message}`),
      )
      // The rest is looked at all the same.
      await fillAll(app).catch((cause) =>
        errors.push(new PostroadError('ERR_CONFIG', 'setup of the configuration failed', { cause })),
      )
      throw new BootError(errors)
    },
  }
}

type Load = (use: Exclude<UseData, string>) => Promise<Plugin>
/** File and line of what a path leads to. */
type PlaceOf = (path: readonly PropertyKey[]) => string

/** Where a scope gets its plugins from, and what of it was written where. */
interface Source {
  readonly load: Load
  readonly placeOf: PlaceOf
}

async function fill(
  app: App,
  { listen: listens = [], use: uses = [] }: ScopeData,
  { load, placeOf }: Source,
): Promise<void> {
  for (const [index, given] of uses.entries()) {
    const one = typeof given === 'string' ? { plugin: given } : given
    const { plugin: _plugin, options: _options, ...operator } = one
    app.use(await load(one), { ...operator, origin: (place) => placeOf(['use', index, ...place]) })
  }
  for (const given of listens) app.listen(given)
}

/** Plugins by name: `spf` is `@postroad/spf`; `./rules/house.js` is a file beside the configuration; `dkim#sign` is the export `sign`. */
function loader(file: string): Load {
  const require = createRequire(file)
  return async ({ plugin: given, options }) => {
    const [name = '', wanted] = given.split('#')
    const specifier =
      name.startsWith('.') || name.startsWith('/')
        ? path.resolve(path.dirname(file), name)
        : name.includes('/')
          ? name
          : /^[a-z0-9-]+$/.test(name)
            ? await known(name, require)
            : name
    let module: Readonly<Record<string, unknown>>
    try {
      const resolved = require.resolve(specifier)
      module = await (path.isAbsolute(specifier) ? importOwn(resolved) : import(pathToFileURL(resolved).href))
    } catch (cause) {
      const command = installCommand(cause)
      const hint = command === undefined ? 'Is it installed?' : `\`${command}\``
      throw new UsageError(`The plugin "${given}" cannot be loaded: ${textOf(cause).split('\n')[0]}. ${hint}`, {
        cause,
      })
    }
    const factories = Object.entries(module).filter(([, value]) => isFactory(value))
    const [, factory] =
      factories.find(([key, value]) => (wanted ? key === wanted : isFactory(value) && value.pluginName === name)) ??
      (factories.length === 1 && !wanted ? factories[0] : undefined) ??
      []
    if (!isFactory(factory))
      throw new UsageError(
        `"${given}" has ${wanted ? `no plugin "${wanted}"` : 'no plugin of that name'}; it has: ${factories.map(([key]) => key).join(', ') || 'none'}`,
      )
    return factory(options)
  }
}

async function known(name: string, require: NodeJS.Require): Promise<string> {
  return candidates(name).find((specifier) => isInstalled(specifier, require)) ?? `@postroad/${name}`
}

/** Plugins by a name that they had, and the one they have. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ['embedded-queue', 'queue'],
  ['@postroad/embedded-queue', 'queue'],
])

/** @throws {UsageError} naming a plugin by its new name, or all packages that are missing, and the command that gets them */
async function install(uses: readonly UseData[], file: string): Promise<void> {
  const require = createRequire(file)
  const names = uses
    .map((use) => (typeof use === 'string' ? use : use.plugin).replace(/#.*/, ''))
    .filter((name) => !/^[./]/.test(name))
  for (const name of names) {
    const now = RENAMED.get(name)
    if (now !== undefined)
      throw new UsageError(
        `The plugin "${name}" is not there any more; did you mean "${now}"? Its package is @postroad/${now}. \`npm install @postroad/${now}\``,
      )
  }
  const missing = [...new Set(names)].filter((name) =>
    candidates(name).every((specifier) => !isInstalled(specifier, require)),
  )
  if (missing.length === 0) return
  const told = await Promise.all(
    missing.map(async (name) => ({ name, package: packageFor(name), meant: await installedLike(name, require) })),
  )
  const list = told.map(({ name, meant }) => `"${name}"${meant === undefined ? '' : ` (did you mean "${meant}"?)`}`)
  // A word that is only mistyped is no reason to fetch what a stranger may have published under it.
  const wanted = told.filter(({ meant }) => meant === undefined).map((one) => one.package)
  throw new UsageError(
    `${missing.length > 1 ? 'These plugins are' : 'This plugin is'} not installed: ${list.join(', ')}.${wanted.length > 0 ? ` \`npm install ${wanted.join(' ')}\`` : ''}`,
  )
}

function packageFor(name: string): string {
  return (candidates(name)[0] ?? name)
    .split('/')
    .slice(0, name.startsWith('@') || !name.includes('/') ? 2 : 1)
    .join('/')
}

/** A plugin of ours that is installed and has nearly that name. */
async function installedLike(name: string, require: NodeJS.Require): Promise<string | undefined> {
  let known = (require.resolve.paths('@postroad/x') ?? []).flatMap((folder) => namesIn(path.join(folder, '@postroad')))
  for (let meant = suggestion(name, known); meant !== undefined; meant = suggestion(name, known)) {
    const found = meant
    const module = await import(pathToFileURL(require.resolve(`@postroad/${found}`)).href).catch(() => ({})) // then it is none
    if (Object.values(module).some(isFactory)) return found
    known = known.filter((one) => one !== found)
  }
  return undefined
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // most folders above have no packages
  }
}

/** Packages that a plugin's name may mean, the likeliest first. */
function candidates(name: string): readonly string[] {
  return /^[a-z0-9-]+$/.test(name) ? [`@postroad/${name}`, `postroad-plugin-${name}`, name] : [name]
}

function isInstalled(specifier: string, require: NodeJS.Require): boolean {
  try {
    require.resolve(specifier)
    return true
  } catch (error) {
    // Another failure than its absence is said by who loads it.
    return error instanceof Error && 'code' in error && error.code !== 'MODULE_NOT_FOUND'
  }
}

type Factory = { (options: unknown): Plugin; readonly pluginName: string }

function isFactory(value: unknown): value is Factory {
  return typeof value === 'function' && 'pluginName' in value
}
