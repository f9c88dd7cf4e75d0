/** What an operator's `setup` said, before anything of it is believed. */
import type { Plugin } from '@postroad/plugin'
import type { Mistakes } from '../errors.ts'
import { isThenable } from '../thenable.ts'
import type { App, UseOptions, UseSettings } from './config.ts'
import { judgeListen, judgeUse } from './judge.ts'
import type { AnyListenOptions, ListenProtocol, SettingsByProtocol } from './listen.ts'

/** One `use`. */
export interface Use {
  readonly plugin: Plugin
  readonly options: UseSettings
  /** The plugin's, or what `as` says. */
  readonly name: string
  /** Name of the scope it was used in. */
  readonly scope: string
}

/** What a mistake of a plugin begins with: where it was written, when somebody can tell. */
export function placeOf({ options: { origin } }: Pick<Use, 'options'>, path: readonly PropertyKey[] = []): string {
  return origin ? `${origin(path)}: ` : ''
}

/** One `listen`. */
export interface Listen {
  readonly protocol: ListenProtocol
  /** Of that protocol. */
  readonly options: SettingsByProtocol[ListenProtocol]
  /** In log lines and mistakes: what the operator says, or scope and port. */
  readonly name: string
  /** Where: `host:port` or a path. */
  readonly place: string
  /** Where it listens was wrong, and has been said so. */
  readonly isLost: boolean
}

/** Where a listener listens that names no host; `*`: on all addresses. */
const DEFAULT_HOSTS: Readonly<Record<ListenProtocol, string>> = {
  smtp: '*',
  lmtp: '*',
  http: '127.0.0.1',
  policy: '127.0.0.1',
  milter: '127.0.0.1',
}

/** A scope being filled. */
export class ScopeSpec implements App {
  readonly name: string
  readonly parent: ScopeSpec | undefined
  readonly uses: Use[] = []
  readonly listens: Listen[] = []
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
    const { value, mistakes } = judgeUse(options)
    const name = value.as ?? plugin.name
    for (const { code, message } of mistakes) this.#mistakes.add(code, `${name}: ${message}`)
    const use: Use = { plugin, options: value, name, scope: this.name }
    if (this.visible.some((other) => other.name === name))
      this.#mistakes.add('ERR_DUPLICATE_PLUGIN', `${placeOf(use)}"${name}" is used twice in scope "${this.name}"`)
    this.uses.push(use)
    return this
  }

  scope(name: string, fill: (scope: App) => void): this {
    if (this.#root.all.some((other) => other.name === name))
      this.#mistakes.add('ERR_DUPLICATE_SCOPE', `"${name}" is there twice`)
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

  listen(options: AnyListenOptions): this {
    if (typeof options !== 'object' || options === null) {
      this.#mistakes.add('ERR_LISTEN', `scope "${this.name}": listen needs an object, { port: 25 } for one`)
      return this
    }
    const { protocol, value, mistakes } = judgeListen(options)
    const { port, path, host = DEFAULT_HOSTS[protocol] } = options
    const name = value.name ?? `${this.name}:${path ?? port ?? 'no port'}`
    for (const { code, message } of mistakes) this.#mistakes.add(code, `${name}: ${message}`)
    const isLost = mistakes.some((one) => ['port', 'path'].includes(String(one.path[0])))
    this.listens.push({ protocol, options: value, name, place: path ?? `${host}:${port ?? 'no port'}`, isLost })
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
}

function isPlugin(value: unknown): value is Plugin {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'setup' in value &&
    typeof value.setup === 'function'
  )
}
