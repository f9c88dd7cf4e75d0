/** What an operator's `setup` said, before anything of it is believed. */
import type { Plugin } from '@postroad/plugin'
import type { Mistakes } from '../errors.ts'
import { isThenable } from '../thenable.ts'
import type { App, ListenOptions, UseOptions } from './config.ts'

/** One `use`. */
export interface Use {
  readonly plugin: Plugin
  readonly options: UseOptions
  /** The plugin's, or what `as` says. */
  readonly name: string
  /** Name of the scope it was used in. */
  readonly scope: string
}

const SETTINGS = new Set(['mode', 'onError', 'timeout', 'when', 'before', 'after', 'as'])
const MODES: readonly unknown[] = [undefined, 'enforce', 'shadow']
const ON_ERROR: readonly unknown[] = [undefined, 'defer', 'pass', 'reject', 'disconnect']

/** A scope being filled. */
export class ScopeSpec implements App {
  readonly name: string
  readonly parent: ScopeSpec | undefined
  readonly uses: Use[] = []
  readonly listens: ListenOptions[] = []
  readonly children: ScopeSpec[] = []
  readonly #mistakes: Mistakes

  constructor(name: string, parent: ScopeSpec | undefined, mistakes: Mistakes) {
    this.name = name
    this.parent = parent
    this.#mistakes = mistakes
  }

  use(plugin: Plugin, options: UseOptions = {}): this {
    if (!isPlugin(plugin)) {
      this.#mistakes.add(
        'ERR_USE',
        `scope "${this.name}" uses something that is not a plugin: ${typeof plugin === 'function' ? 'a factory that was not called' : String(plugin)}`,
      )
      return this
    }
    const name = options.as ?? plugin.name
    this.#checkSettings(name, options)
    if (this.visible.some((use) => use.name === name))
      this.#mistakes.add('ERR_DUPLICATE_PLUGIN', `"${name}" is used twice in scope "${this.name}"`)
    this.uses.push({ plugin, options, name, scope: this.name })
    return this
  }

  scope(name: string, fill: (scope: App) => void): this {
    if (this.#root.all.some((other) => other.name === name)) this.#mistakes.add('ERR_DUPLICATE_SCOPE', `"${name}" is there twice`)
    const child = new ScopeSpec(name, this, this.#mistakes)
    this.children.push(child)
    const filled: unknown = fill(child)
    if (isThenable(filled))
      this.#mistakes.add(
        'ERR_CONFIG',
        `scope "${name}" is filled by an async function, for which nobody waits; make setup async and await before`,
      )
    return this
  }

  listen(options: ListenOptions): this {
    if (typeof options === 'object' && options !== null) this.listens.push(options)
    else this.#mistakes.add('ERR_LISTEN', `scope "${this.name}": listen needs an object, { port: 25 } for one`)
    return this
  }

  /** What this scope sees: what is used around it, then its own. */
  get visible(): readonly Use[] {
    return [...(this.parent?.visible ?? []), ...this.uses]
  }

  /** This scope and all within it, outer first. */
  get all(): readonly ScopeSpec[] {
    return [this, ...this.children.flatMap((child) => child.all)]
  }

  get #root(): ScopeSpec {
    let root: ScopeSpec = this
    while (root.parent) root = root.parent
    return root
  }

  #checkSettings(name: string, options: UseOptions): void {
    for (const key of Object.keys(options)) if (!SETTINGS.has(key)) this.#mistakes.add('ERR_USE', `${name}: there is no setting "${key}"`)
    if (!MODES.includes(options.mode)) this.#mistakes.add('ERR_USE', `${name}: mode is "enforce" or "shadow", not "${options.mode}"`)
    if (!ON_ERROR.includes(options.onError))
      this.#mistakes.add('ERR_USE', `${name}: onError is "defer", "pass", "reject" or "disconnect", not "${options.onError}"`)
    if (options.timeout !== undefined && !(options.timeout > 0))
      this.#mistakes.add('ERR_USE', `${name}: timeout is a number of milliseconds above 0`)
    if (options.when !== undefined && typeof options.when !== 'function') this.#mistakes.add('ERR_USE', `${name}: when is a function`)
  }
}

function isPlugin(value: unknown): value is Plugin {
  return typeof value === 'object' && value !== null && 'name' in value && 'setup' in value && typeof value.setup === 'function'
}
