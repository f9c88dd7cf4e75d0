/** One plugin of Haraka: found, compiled as Haraka does it, and registered with its hooks. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, sep } from 'node:path'
import { compileFunction } from 'node:vm'
import { errorOf } from '@postroad/plugin'
import config, { type HarakaConfig } from 'haraka-config'
import { haraka, type Located, locate, type PluginPlaces } from './locate.ts'
import { addLogMethods, type HarakaLogger, type LogSink } from './logger.ts'
import type { HarakaServer } from './server.ts'

/** Seconds that a plugin has for one hook, where no configuration says so. */
const TIMEOUT = 30

/** A method of a plugin at a hook. */
export interface Registered {
  readonly plugin: HarakaPlugin
  readonly hook: string
  readonly method: string
  readonly priority: number
  readonly order: number
}

/** What the plugins of one use have in common. */
export interface Ground {
  readonly places: PluginPlaces
  /** Folder of the operator's files. */
  readonly config: string
  readonly server: HarakaServer
  readonly logger: HarakaLogger
  readonly sinkOf: () => LogSink | undefined
  readonly registered: Registered[]
  readonly timers: NodeJS.Timeout[]
}

/** `this` of a plugin; all it exports is here, too. */
export class HarakaPlugin {
  readonly name: string
  readonly plugin_path: string
  readonly hasPackageJson: boolean
  readonly base: Record<string, HarakaPlugin> = {}
  readonly hooks: Record<string, string[]> = {}
  readonly server: HarakaServer
  config: HarakaConfig
  timeout: number
  /** It was written for addresses whose `address` and `host` are methods, as they were before 2026. */
  readonly callsAddresses: boolean;
  [name: string]: unknown

  constructor(located: Located, ground: Ground) {
    this.name = located.name
    this.plugin_path = located.path
    this.hasPackageJson = located.isPackage
    this.server = ground.server
    this.config = configFor(located, ground)
    this.timeout = timeoutFor(this)
    Object.defineProperty(this, 'ground', { value: ground, enumerable: false })
    addLogMethods(this, located.name, ground.sinkOf, () => ground.logger.loglevel)
    this.callsAddresses = /\b(?!server)\w+\.address\(\)/.test(textOf(located))
    compile(this, ground)
  }

  register(): void {}

  register_hook(hook: string, method: string, priority: number | string = 0): void {
    const ground = groundOf(this)
    const wanted = Number.parseInt(String(priority), 10) || 0
    ground.registered.push({
      plugin: this,
      hook,
      method,
      priority: Math.max(-100, Math.min(100, wanted)),
      order: ground.registered.length,
    })
    ;(this.hooks[hook] ??= []).push(method)
  }

  /** Takes over what another plugin exports and this one has not, and registers it. */
  inherits(parent: string): void {
    const ground = groundOf(this)
    const plugin = new HarakaPlugin(locate(parent, ground.places), ground)
    for (const name in plugin) if (!this[name]) this[name] = plugin[name]
    plugin.register.call(this)
    this.base[parent] = plugin
  }

  /** A module of Haraka itself. */
  haraka_require(name: string): unknown {
    return coreModule(name, this, groundOf(this))
  }

  core_require(name: string): unknown {
    return this.haraka_require(name)
  }
}

/**
 * Loads plugins and registers their hooks, in the order in which Haraka calls them.
 *
 * @throws {Error} that names the plugin which cannot be loaded, and says why
 */
export function loadPlugins(lines: readonly string[], ground: Ground): readonly HarakaPlugin[] {
  return lines.map((line) => {
    const { setInterval: own } = globalThis
    try {
      // Clocks that a plugin starts when it is loaded end with it, and do not hold the process.
      globalThis.setInterval = ((...given: Parameters<typeof own>) => {
        const timer = own(...given).unref()
        ground.timers.push(timer)
        return timer
      }) as typeof own
      const plugin = new HarakaPlugin(locate(line, ground.places), ground)
      plugin.register()
      for (const method in plugin) {
        const hook = /^hook_(\w+)$/.exec(method)?.[1]
        if (hook !== undefined && typeof plugin[method] === 'function') plugin.register_hook(hook, method)
      }
      return plugin
    } catch (thrown) {
      const { message } = errorOf(typeof thrown === 'string' ? new Error(thrown) : thrown)
      const text = message.startsWith(`plugin "`) ? message : `plugin "${line}" cannot be loaded: ${message}`
      throw new Error(text, { cause: thrown })
    } finally {
      globalThis.setInterval = own
    }
  })
}

/** The plugins of each hook, in the order of priority and registration. Some register late, when a server that they ask has answered. */
export class Chains {
  readonly #registered: readonly Registered[]
  #known = 0
  #chains = new Map<string, readonly Registered[]>()

  constructor(registered: readonly Registered[]) {
    this.#registered = registered
  }

  get(hook: string): readonly Registered[] | undefined {
    if (this.#known !== this.#registered.length) this.#sort()
    return this.#chains.get(hook)
  }

  has(hook: string): boolean {
    return this.get(hook) !== undefined
  }

  #sort(): void {
    const chains = new Map<string, Registered[]>()
    for (const one of this.#registered) chains.set(one.hook, [...(chains.get(one.hook) ?? []), one])
    for (const chain of chains.values()) chain.sort((a, b) => a.priority - b.priority || a.order - b.order)
    this.#chains = chains
    this.#known = this.#registered.length
  }
}

function groundOf(plugin: HarakaPlugin): Ground {
  return plugin['ground'] as Ground // the constructor put it there
}

function configFor({ path, isPackage }: Located, ground: Ground): HarakaConfig {
  const core = haraka(ground.places)
  const defaults = isPackage ? dirname(path) : (core ?? dirname(ground.config))
  const made = config.module_config(defaults)
  made.overrides_path = ground.config
  return made
}

function timeoutFor({ name, config }: HarakaPlugin): number {
  // A plugin that is named by a path, `../index`, has a file beside the others.
  for (const file of [`${name.replace(/^(?:\.\.?\/)+/, '')}.timeout`, 'plugin_timeout']) {
    const seconds = Number.parseFloat(String(config.get(file)))
    if (Number.isFinite(seconds)) return seconds
  }
  return TIMEOUT
}

function textOf({ path, isPackage }: Located): string {
  try {
    return readFileSync(isPackage ? createRequire(path).resolve(dirname(path)) : path, 'utf8')
  } catch {
    // What is wrong with it is said when it is compiled.
    return ''
  }
}

function compile(plugin: HarakaPlugin, ground: Ground): void {
  const { plugin_path: path } = plugin
  const require = createRequire(path)
  useConfig(require, ground)
  if (plugin.hasPackageJson) {
    const folder = dirname(path)
    forget(require, folder)
    const exported: unknown = require(folder)
    // Some log by what they export, and not by `this`.
    if (typeof exported === 'object' && exported !== null && Object.isExtensible(exported))
      addLogMethods(exported, plugin.name, ground.sinkOf, () => ground.logger.loglevel)
    // What is a key of every plugin (`name`, `config`) a package may export, too: as in Haraka it wins.
    for (const name in exported as object) plugin[name] = (exported as Record<string, unknown>)[name]
    return
  }
  const code = readFileSync(path, 'utf8').replace(/^#!.*/, '')
  const names = ['exports', 'require', 'module', '__filename', '__dirname', 'server']
  const run = compileFunction(`"use strict";${code}`, names, { filename: path })
  const module = { exports: plugin }
  run.call(
    plugin,
    plugin,
    (name: string) => requiredBy(name, plugin, ground),
    module,
    path,
    dirname(path),
    ground.server,
  )
  const { exports: made } = module
  if (made !== plugin) for (const name in made) plugin[name] = made[name]
}

/** Each generation of the server has plugins of its own, so their modules are read anew; what they depend on is shared. */
function forget(require: NodeJS.Require, folder: string): void {
  for (const path of Object.keys(require.cache)) {
    if (!path.startsWith(folder + sep) || path.slice(folder.length).includes(`${sep}node_modules${sep}`)) continue
    const module = require.cache[path]
    for (const other of module?.parent ? [module.parent] : []) {
      const place = module ? other.children.indexOf(module) : -1
      if (place >= 0) other.children.splice(place, 1)
    }
    delete require.cache[path]
  }
}

/** Libraries that read their own files, `results.ini` for one, find the operator's. */
function useConfig(require: NodeJS.Require, { config: folder }: Ground): void {
  try {
    const theirs = require('haraka-config') as HarakaConfig // the published library
    if (theirs !== config) theirs.root_path = folder
  } catch {
    // It needs none.
  }
  config.root_path = folder
}

/** `require` in a plugin that is a single file: relative names are modules of Haraka first, then files beside it. */
function requiredBy(name: string, plugin: HarakaPlugin, ground: Ground): unknown {
  const require = createRequire(plugin.plugin_path)
  if (!name.startsWith('.')) {
    try {
      return require(name)
    } catch (error) {
      if (!isMissing(error, name)) throw error
      const core = haraka(ground.places)
      return createRequire(core === undefined ? import.meta.url : join(core, 'x.js'))(name)
    }
  }
  if (name === './config') return plugin.config
  try {
    return coreModule(name, plugin, ground)
  } catch (error) {
    try {
      return require(name)
    } catch (other) {
      throw isMissing(other, name) ? error : other
    }
  }
}

function coreModule(name: string, plugin: HarakaPlugin, ground: Ground): unknown {
  const module = basename(name, '.js')
  if (module === 'logger') return ground.logger
  if (module === 'config') return plugin.config
  if (module === 'server') return ground.server
  // What a plugin hands to the queue of Haraka goes on to that of this server.
  if (module === 'outbound') return { send_trans_email: (_transaction: unknown, next: () => void) => next() }
  if (module === 'constants' || module === 'utils' || module === 'results' || module === 'notes')
    return createRequire(import.meta.url)(`haraka-${module}`)
  throw new Error(`it needs "${name}" of Haraka itself, which works only inside Haraka`)
}

function isMissing(error: unknown, name: string): boolean {
  const { code, message } = errorOf(error) as Error & { readonly code?: string }
  return code === 'MODULE_NOT_FOUND' && message.includes(`'${name}'`)
}
