/** A configuration as data, for operators who do not write TypeScript: the same plugins by package name, the same schemas. */
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { type App, type Config, installCommand, type ListenOptions, type UseOptions } from '@postroad/core'
import { parseServer } from '@postroad/dns'
import { type Plugin, textOf } from '@postroad/plugin'
import { z } from 'zod'
import { importOwn } from './modules.ts'
import { UsageError } from './usage-error.ts'

const settings = {
  mode: z.enum(['enforce', 'shadow']).optional(),
  onError: z.enum(['defer', 'pass', 'reject', 'disconnect']).optional(),
  timeout: z.number().positive().optional(),
  before: z.array(z.string()).optional(),
  after: z.array(z.string()).optional(),
  as: z.string().optional(),
}
const use = z.union([
  z.string(),
  z.strictObject({ plugin: z.string(), options: z.record(z.string(), z.unknown()).optional(), ...settings }),
])
const certificateFiles = z.strictObject({
  key: z.string(),
  cert: z.string(),
  ca: z.string().optional(),
  servernames: z.array(z.string()).optional(),
})
const listen = z.strictObject({
  name: z.string().optional(),
  protocol: z.enum(['smtp', 'lmtp']).optional(),
  port: z.number().int().optional(),
  host: z.string().optional(),
  path: z.string().optional(),
  mode: z.number().int().optional(),
  group: z.union([z.string(), z.number().int()]).optional(),
  backlog: z.number().int().optional(),
  tls: z.enum(['none', 'optional', 'required', 'implicit']).optional(),
  certificateFiles: z.union([certificateFiles, z.array(certificateFiles)]).optional(),
  proxies: z.array(z.string()).optional(),
  xclient: z.array(z.string()).optional(),
  xclientLogin: z.enum(['ignore', 'trust']).optional(),
  xforward: z.array(z.string()).optional(),
  pipelining: z.enum(['lenient', 'strict']).optional(),
  greeting: z.record(z.string(), z.unknown()).optional(),
  stress: z.record(z.string(), z.unknown()).optional(),
  auth: z.enum(['none', 'optional', 'required']).optional(),
  authWithoutTls: z.boolean().optional(),
  strictLines: z.boolean().optional(),
  bareLineEndings: z.enum(['reject', 'normalise']).optional(),
  hostname: z.string().optional(),
  limits: z.record(z.string(), z.number()).optional(),
})
const scope = z.strictObject({ listen: z.array(listen).optional(), use: z.array(use).optional() })
const levels = {
  tag: z.number().optional(),
  quarantine: z.number().optional(),
  defer: z.number().optional(),
  reject: z.number().optional(),
}
const general = {
  hostname: z.string().optional(),
  folder: z.string().optional(),
  thresholds: z
    .strictObject({ ...levels, subject: z.string().optional(), domains: z.record(z.string(), z.strictObject(levels)).optional() })
    .optional(),
  refuseAt: z.enum(['rcpt', 'now']).optional(),
  mixed: z.enum(['defer-rest', 'strictest']).optional(),
  grace: z.number().nonnegative().optional(),
  memory: z.number().nonnegative().optional(),
  hint: z.string().optional(),
  dns: z
    .strictObject({
      servers: z
        .array(z.string().refine(isServer, 'not the address of a server: 192.0.2.53 or [2001:db8::53]:5353, for example'))
        .optional(),
      trustAd: z.boolean().optional(),
      timeoutMs: z.number().positive().optional(),
      lookupsPerMessage: z.number().int().positive().optional(),
    })
    .optional(),
  log: z
    .strictObject({
      format: z.enum(['json', 'pretty', 'silent']).optional(),
      level: z.enum(['debug', 'info', 'warn', 'error']).optional(),
      addresses: z.enum(['plain', 'hashed']).optional(),
      write: z.custom((value) => typeof value === 'function', 'must be a function').optional(),
    })
    .optional(),
}
const schema = z.strictObject({
  ...general,
  listen: z.array(listen).optional(),
  use: z.array(use).optional(),
  scopes: z.record(z.string(), scope).optional(),
})
const module = z.strictObject({ ...general, setup: z.custom((value) => typeof value === 'function', 'must be a function') })

type Data = z.infer<typeof schema>
type ScopeData = z.infer<typeof scope>
type UseData = z.infer<typeof use>

/** @throws {UsageError} naming every path that does not fit */
export function configFromModule(value: unknown, file: string): Config {
  checked(module, value, file)
  return value as Config // just checked, but for what `setup` does
}

function checked<S extends z.ZodType>(schema: S, value: unknown, file: string): z.infer<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const lines = result.error.issues.map((issue) => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`)
  throw new UsageError(`${path.basename(file)} is not a configuration:\n${lines.join('\n')}`)
}

/** @throws {UsageError} naming every path that does not fit */
export function configFromData(data: unknown, file: string): Config {
  const { listen: listens, use: uses, scopes, ...rest } = checked(schema, data, file)
  const load = loader(file)
  return {
    ...(rest as Omit<Data, 'listen' | 'use' | 'scopes'> & object as Omit<Config, 'setup'>), // an absent key and an undefined one are the same to the core
    async setup(app) {
      install([...(uses ?? []), ...Object.values(scopes ?? {}).flatMap(({ use = [] }) => use)], file)
      await fill(app, { ...(listens ? { listen: listens } : {}), ...(uses ? { use: uses } : {}) }, { load })
      for (const [name, content] of Object.entries(scopes ?? {})) {
        let inner: App | undefined
        app.scope(name, (one) => {
          inner = one
        })
        if (inner) await fill(inner, content, { load })
      }
    },
  }
}

function isServer(text: string): boolean {
  try {
    parseServer(text)
    return true
  } catch {
    return false // that is all it says
  }
}

type Load = (use: Exclude<UseData, string>) => Promise<Plugin>

async function fill(app: App, { listen: listens = [], use: uses = [] }: ScopeData, { load }: { readonly load: Load }): Promise<void> {
  for (const given of uses) {
    const one = typeof given === 'string' ? { plugin: given } : given
    const { plugin: _plugin, options: _options, ...operator } = one
    app.use(await load(one), operator as UseOptions) // undefined settings are absent ones
  }
  for (const given of listens) app.listen(given as unknown as ListenOptions) // undefined settings are absent ones
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
      throw new UsageError(`The plugin "${given}" cannot be loaded: ${textOf(cause).split('\n')[0]}. ${hint}`, { cause })
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
function install(uses: readonly UseData[], file: string): void {
  const require = createRequire(file)
  const names = uses.map((use) => (typeof use === 'string' ? use : use.plugin).replace(/#.*/, '')).filter((name) => !/^[./]/.test(name))
  for (const name of names) {
    const now = RENAMED.get(name)
    if (now !== undefined)
      throw new UsageError(`The plugin "${name}" is called "${now}" now, its package @postroad/${now}. \`npm install @postroad/${now}\``)
  }
  const missing = [...new Set(names)].filter((name) => candidates(name).every((specifier) => !isInstalled(specifier, require)))
  if (missing.length === 0) return
  const packages = missing.map((name) =>
    (candidates(name)[0] ?? name)
      .split('/')
      .slice(0, name.startsWith('@') || !name.includes('/') ? 2 : 1)
      .join('/'),
  )
  const quoted = missing.map((name) => `"${name}"`).join(', ')
  throw new UsageError(
    `${missing.length > 1 ? 'These plugins are' : 'This plugin is'} not installed: ${quoted}. \`npm install ${packages.join(' ')}\``,
  )
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
