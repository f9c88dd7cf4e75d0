import type { Logger } from './context.ts'
import type { HealthCheck } from './health.ts'
import type { Hooks } from './hooks.ts'
import type { Desk } from './host.ts'
import type { HttpIdentify, HttpRoute } from './http.ts'
import type { Service, ServiceOf } from './service.ts'

/** The part of Standard Schema v1 that we use; zod, valibot and arktype schemas all fit. */
export interface Schema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a {@link Schema} answers. */
export type SchemaResult<O> =
  | { readonly value: O; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One thing a {@link Schema} did not like. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

type AnySchema = Schema<any, any>
type InputOf<S> = S extends Schema<infer I, any> ? I : never
type OutputOf<S> = S extends Schema<any, infer O> ? O : undefined

/** A type written out to its leaves: the declaration of a plugin then says what its options are, and not which library judges them. */
type Plain<T> = T extends Leaf
  ? T
  : T extends readonly unknown[]
    ? { [K in keyof T]: Plain<T[K]> }
    : [Extract<T[keyof T], (...given: never[]) => unknown>] extends [never]
      ? { [K in keyof T]: Plain<T[K]> }
      : T
type Leaf = string | number | boolean | bigint | symbol | null | undefined | ((...given: never[]) => unknown)
/** What an operator may write is of interest outside; what becomes of it only the plugin sees. */
type StandardOf<S> = S extends AnySchema ? Schema<Plain<InputOf<S>>, unknown> : undefined

/** Services by the name a plugin knows them by. */
export type ServiceMap = Readonly<Record<string, Service<any>>>
type Resolved<N> = { readonly [K in keyof N]: ServiceOf<N[K]> }

/** A subcommand a plugin adds to the command line: `postroad PLUGIN NAME …`. */
export interface PluginCommand {
  /** One line for `--help`. */
  readonly summary: string
  /** Arguments in the usual notation: `<address> [--all]`. Where it is given, an option that does not stand in it is refused before the command runs. */
  readonly usage?: string
  /** It changes nothing, and its answer is that of the plugin's own options: of a plugin that several scopes use, all may be asked at once. */
  readonly onlyLooks?: boolean
  /** Resolves to the exit code; nothing means 0, and 64 (EX_USAGE) that the arguments are wrong: then the usage is shown. */
  run(args: readonly string[], io: CommandIo): Promise<number | void>
}

/** How a {@link PluginCommand} speaks. */
export interface CommandIo {
  readonly json: boolean
  /** One row: printed as a line of columns, or as a JSON line with `--json`. */
  row(fields: Readonly<Record<string, string | number | boolean | undefined>>): void
  print(line: string): void
  readonly signal: AbortSignal
}

/** Part of the work of a process: `postroad start --role`. */
export type Role = 'all' | 'smtp' | 'delivery'

/** What `setup` gets besides options and services. */
export interface Setup {
  /** What the plugin is called in its scope: its own name, or the label that the operator gave with `as`. */
  readonly name: string
  readonly log: Logger
  /** Aborted when this generation of the server closes. */
  readonly signal: AbortSignal
  /** The server's own name, as in its banner. */
  readonly hostname: string
  /** Which part of the work this process does: `smtp` takes mail in, `delivery` sends queued mail out, `all` (the default) does both. */
  readonly role: Role
  /**
   * `postroad try` or `replay`: nothing may be seen by others or stay. `start` is called, because what it reads is needed, but must
   * not listen, deliver, or write anywhere but to services, which forget it.
   */
  readonly rehearsal: boolean
  /** The operator uses it with `mode: 'shadow'`: its answers are not obeyed, and what else it leaves to other plugins must not count either. */
  readonly shadow: boolean
  /** Absolute path of a file an option names: a relative one starts at the folder of the configuration. */
  resolve(file: string): string
  /** Absolute path of a folder of the plugin's own that survives restarts; made on first use. */
  folder(): Promise<string>
}

/** A folder that a plugin writes into. */
export interface WrittenFolder {
  /** Absolute. */
  readonly path: string
  /** `maildir.folder`: the place in the plugin's options. */
  readonly at: string
  /** Whether the plugin makes it when it is not there, and writes into it itself, not only into folders in it. Default: it does. */
  readonly isMade?: boolean
}

/** What a plugin does once it is set up. */
export type PluginInstance<P extends ServiceMap = {}> = Hooks & {
  /** Called before the first connection: background work begins here, not in `setup`, which also serves `postroad check`. */
  start?(): void | Promise<void>
  /**
   * Called when the generation closes, in reverse order of `use`. `stop` is aborted when the whole server stops; while it is
   * not, only the configuration has changed, and what is under way may come to its end.
   */
  close?(stop: AbortSignal): void | Promise<void>
  readonly commands?: Readonly<Record<string, PluginCommand>>
  /** What `postroad doctor` looks at besides its own checks: what only the plugin knows, keys and what is published of them for one. */
  readonly checks?: readonly HealthCheck[]
  /**
   * Folders that options name and that are written to, for `postroad check`: it finds those that cannot be. What `folder()` gave and
   * files to be read (`resolve`) are known without being named here.
   */
  readonly folders?: readonly WrittenFolder[]
  /** What `postroad explain` says of it besides its hooks: how its options are meant (`notes`), and what would surprise the operator (`warnings`). */
  readonly remarks?: { readonly notes?: readonly string[]; readonly warnings?: readonly string[] }
  /** What it serves on the scope's listeners of kind `http`; nothing where there is none. */
  readonly routes?: readonly HttpRoute[]
  /** Says who asks on these listeners, of requests that show no token. */
  readonly identify?: HttpIdentify
  /** What programs may ask and do here, as people do by `commands`. */
  readonly desks?: readonly Desk[]
} & ({} extends P ? { readonly services?: Resolved<P> } : { readonly services: Resolved<P> })

/** What the author says of a plugin. */
export type PluginDefinition<S extends AnySchema | undefined, N extends ServiceMap, P extends ServiceMap> = {
  /** Unique in a scope; names log lines, spans, metrics and `after`/`before`. Lower-case letters, digits and hyphens. */
  readonly name: string
  /** Standard Schema of the options; unknown keys should be errors (`z.strictObject`). */
  readonly options?: S
  /** Services that must be there before `setup` runs. */
  readonly needs?: N
  /** Services that `setup` returns as `services`. */
  readonly provides?: P
} & (
  | { readonly hooks: Hooks; readonly setup?: never }
  | {
      readonly hooks?: never
      readonly setup: (
        context: Setup & { readonly options: OutputOf<S> } & Resolved<N>,
      ) => PluginInstance<P> | Promise<PluginInstance<P>>
    }
)

/** A plugin with its options, ready for `use`. Opaque: only the host looks inside. */
export interface Plugin {
  readonly name: string
  readonly schema: AnySchema | undefined
  readonly options: unknown
  readonly needs: ServiceMap
  readonly provides: ServiceMap
  setup(
    context: Setup & { readonly options: any } & Record<string, any>,
  ): PluginInstance<any> | Promise<PluginInstance<any>>
}

type Arguments<S> = S extends AnySchema ? ({} extends InputOf<S> ? [options?: InputOf<S>] : [options: InputOf<S>]) : []

/** Makes a {@link Plugin} of options; carries what a YAML configuration and the docs need. */
export interface PluginFactory<S> {
  (...options: Arguments<S>): Plugin
  readonly pluginName: string
  readonly schema: S
}

const NAME = /^[a-z][a-z0-9-]{0,63}$/

/**
 * Defines a plugin and gives the factory an operator calls.
 *
 * @throws {TypeError} when `name` is not of lower-case letters, digits and hyphens, or a key is unknown
 * @example
 * export const noLottery = definePlugin({
 *   name: 'no-lottery',
 *   hooks: {
 *     message: ({ message }) => (/you have won/i.test(message.subject ?? '') ? reject('We did not buy a ticket') : undefined),
 *   },
 * })
 */
export function definePlugin<
  const S extends AnySchema | undefined = undefined,
  const N extends ServiceMap = {},
  const P extends ServiceMap = {},
>(definition: PluginDefinition<S, N, P>): PluginFactory<StandardOf<S>> {
  const { name, options: schema, needs = {}, provides = {}, hooks, setup, ...unknown } = definition
  if (!NAME.test(name))
    throw new TypeError(`definePlugin: name must be lower-case letters, digits and hyphens, not "${name}"`)
  const [key] = Object.keys(unknown)
  if (key !== undefined) throw new TypeError(`definePlugin: plugin "${name}" has an unknown key "${key}"`)
  if (!hooks === !setup) throw new TypeError(`definePlugin: plugin "${name}" needs either hooks or setup`)
  const make = (...[options]: readonly unknown[]): Plugin => ({
    name,
    schema,
    options: options ?? {},
    needs,
    provides,
    // `as`: the definition's types were checked where it was written; the host passes what they ask for.
    setup: (setup ?? (() => hooks)) as Plugin['setup'],
  })
  return Object.assign(make, { pluginName: name, schema }) as unknown as PluginFactory<StandardOf<S>> // the tuple type of the arguments cannot be written here
}
