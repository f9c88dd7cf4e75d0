/** What filters would say of what was caught, where their plugins are installed. In the shadow: nothing is refused for it, and nothing is changed. */
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Fact, Plugin, QueueContext } from '@postroad/plugin'
import type { App } from 'postroad'

/** Which filters are asked besides those that need no program of their own. */
export interface FilterSettings {
  /** `HOST:PORT`, as the plugin `rspamd` takes it. */
  readonly rspamd?: string | undefined
  readonly spamassassin?: string | undefined
}

/** One finding. */
export interface FilterWord {
  readonly plugin: string
  readonly signal: string
  /** Points, or what would be done. */
  readonly weight: number | string
  readonly evidence: readonly string[]
}

/** FilterWords of a message, by the facts of the plugins. */
export type FilterWords = (find: QueueContext['find']) => readonly FilterWord[]

interface Filter {
  readonly name: string
  /** What the plugin's package calls its fact. */
  readonly fact: string
  read(value: unknown): readonly Omit<FilterWord, 'plugin'>[]
}

type Signals = readonly Omit<FilterWord, 'plugin'>[]

const CONTENT: readonly Filter[] = [
  { name: 'headers', fact: 'headerSignals', read: (value) => value as Signals },
  { name: 'html', fact: 'htmlSignals', read: (value) => value as Signals },
  { name: 'urls', fact: 'urlFindings', read: (value) => (value as { readonly signals: Signals }).signals },
  {
    name: 'attachments',
    fact: 'attachmentFindings',
    read: (value) => (value as { readonly signals: Signals }).signals,
  },
] // as: what the package of that name gives

const SYMBOLS = 30

const SCANNERS: Readonly<Record<keyof FilterSettings, Filter>> = {
  rspamd: {
    name: 'rspamd',
    fact: 'rspamdFact',
    read(value) {
      const said = value as {
        readonly verdicts?: readonly {
          readonly action: string
          readonly score: number
          readonly symbols: Readonly<Record<string, number>>
        }[]
      } // as: RspamdFact; without verdicts it was not scanned
      return (said.verdicts ?? []).map(({ action, score, symbols }) => ({
        signal: action,
        weight: score,
        evidence: Object.keys(symbols).slice(0, SYMBOLS),
      }))
    },
  },
  spamassassin: {
    name: 'spamassassin',
    fact: 'spamassassinFact',
    read(value) {
      const {
        result,
        score,
        symbols = [],
      } = value as {
        readonly result: string
        readonly score?: number
        readonly symbols?: readonly string[]
      } // as: SpamScan
      return [{ signal: result, weight: score ?? 'none', evidence: symbols.slice(0, SYMBOLS) }]
    },
  },
}

/**
 * Adds those that are there; undefined when there are none: nobody has looked, which is not that nothing was found.
 *
 * @throws {Error} when a scanner was asked for whose plugin is not installed
 */
export async function addFilters(app: App, settings: FilterSettings): Promise<FilterWords | undefined> {
  const added: (readonly [filter: Filter, fact: Fact<unknown>])[] = []
  const use = async (filter: Filter, options: object): Promise<boolean> => {
    const made = await load(filter)
    if (!made) return false
    app.use(made.create(options), { mode: 'shadow' })
    added.push([filter, made.fact])
    return true
  }
  for (const filter of CONTENT) await use(filter, {})
  for (const [name, filter] of Object.entries(SCANNERS)) {
    const at = settings[name as keyof FilterSettings] // as: its keys
    if (at !== undefined && !(await use(filter, { at })))
      throw new Error(`--${name} needs its plugin: npm install @postroad/${name}`)
  }
  if (added.length === 0) return undefined
  return (find) =>
    added
      .flatMap(([{ name, read }, fact]) => {
        const value = find(fact)
        return value === undefined ? [] : read(value).map((finding) => ({ plugin: name, ...finding }))
      })
      .toSorted((a, b) => worth(b) - worth(a))
}

function worth({ weight }: FilterWord): number {
  return typeof weight === 'number' ? weight : weight === 'none' ? 0 : Number.POSITIVE_INFINITY
}

interface Loaded {
  create(options: object): Plugin
  readonly fact: Fact<unknown>
}

/** Beside this package, or in the folder where it was started. Undefined: it is not installed. */
async function load({ name, fact }: Filter): Promise<Loaded | undefined> {
  const module = (await found(`@postroad/${name}`)) as Readonly<Record<string, unknown>> | undefined // as: a module
  if (!module) return undefined
  return { create: module[name] as Loaded['create'], fact: module[fact] as Fact<unknown> } // as: its names
}

async function found(name: string): Promise<unknown> {
  try {
    return await import(name)
  } catch (error) {
    if (!isMissing(error, name)) throw error
  }
  try {
    return await import(pathToFileURL(createRequire(path.join(process.cwd(), 'package.json')).resolve(name)).href)
  } catch (error) {
    if (isMissing(error, name)) return undefined
    throw error
  }
}

function isMissing(error: unknown, name: string): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && String(error).includes(name)
}
