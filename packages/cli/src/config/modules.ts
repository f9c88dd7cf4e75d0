/**
 * The modules of a configuration: itself and what it imports by path are the operator's own, and are read anew by every load; what is
 * installed is read once, and when it has changed since, only a restart helps.
 *
 * Node keeps every version of a module that was ever loaded: a reload costs the memory of the operator's own modules, some kilobytes each.
 */
import { realpathSync, statSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { packageOf } from './package-name.ts'

/** Query of a URL: the load that read it. The first has none, so that it is the module others may have, too. */
const LOAD = 'load'

interface Seen {
  readonly mtimeMs: number
  readonly size: number
}

/** Hooks of a process cannot be several: neither can this. */
const state = {
  isHooked: false,
  load: 0,
  /** Files that are the operator's own, of all loads. */
  own: new Set<string>(),
  /** Those of CommonJS: in what they import it cannot be seen which load they are of. */
  common: new Set<string>(),
  /** Those of the last load, and those it looked for and did not find. */
  files: new Set<string>(),
  /** Installed files as they were when they were read. */
  installed: new Map<string, Seen>(),
}

/** Begins a load: whatever is imported from now on is read anew. */
export function beginLoad(): void {
  if (!state.isHooked) registerHooks({ resolve })
  state.isHooked = true
  state.load++
  state.files = new Set()
  const { cache } = createRequire(import.meta.url)
  for (const file of Object.keys(cache)) if (state.own.has(file)) delete cache[file]
}

/** Imports one of the operator's own modules. Rejects as `import` does. */
export function importOwn(given: string): Promise<Readonly<Record<string, unknown>>> {
  // Node's modules have the names that links lead to.
  const file = realpathSync(given)
  state.own.add(file)
  for (const each of [given, file]) state.files.add(each)
  return import(versioned(pathToFileURL(file).href, state.load))
}

/** What the last load was made of, absolute: files it read, and those it looked for in vain. */
export function ownFiles(): readonly string[] {
  return [...state.files]
}

/** Installed packages of which a file has changed since it was read. */
export function outdatedPackages(): readonly string[] {
  const changed = [...state.installed]
    .filter(([file, seen]) => !isSame(look(file), seen))
    .map(([file]) => packageOf(file))
  return [...new Set(changed)].sort()
}

type Resolve = NonNullable<Parameters<typeof registerHooks>[0]['resolve']>

const resolve: Resolve = (specifier, context, next) => {
  const { parentURL = '' } = context
  const isFollowed = /^(?:\.{0,2}\/|file:|#)/.test(specifier) && isOwn(parentURL)
  let result: ReturnType<Resolve>
  try {
    result = next(specifier, context)
  } catch (error) {
    // It may be there in a moment: who watches wants to know where.
    if (isFollowed && /^\.{1,2}\//.test(specifier)) state.files.add(fileURLToPath(new URL(specifier, parentURL)))
    throw error
  }
  if (!result.url.startsWith('file:')) return result
  const file = fileOf(result.url)
  if (result.format?.startsWith('commonjs')) state.common.add(file)
  if (!isFollowed || file.includes(`${path.sep}node_modules${path.sep}`)) {
    if (!state.own.has(file) && !state.installed.has(file)) state.installed.set(file, look(file))
    return result
  }
  state.own.add(file)
  state.files.add(file)
  // What is required has no query; it is taken out of the cache instead.
  return context.conditions.includes('require') ? result : { ...result, url: versioned(result.url, loadOf(parentURL)) }
}

function isOwn(url: string): boolean {
  return url.startsWith('file:') && state.own.has(fileOf(url))
}

function fileOf(url: string): string {
  return fileURLToPath(url.replace(/[?#].*$/, ''))
}

/** What an old generation imports late is of its own load, and not of one that may have failed since. */
function loadOf(url: string): number {
  const load = new URL(url).searchParams.get(LOAD)
  return load === null ? (state.common.has(fileOf(url)) ? state.load : 1) : Number(load)
}

function versioned(href: string, load: number): string {
  const url = new URL(href)
  if (load > 1) url.searchParams.set(LOAD, String(load))
  return url.href
}

function look(file: string): Seen {
  const { mtimeMs = 0, size = -1 } = statSync(file, { throwIfNoEntry: false }) ?? {}
  return { mtimeMs, size }
}

function isSame(a: Seen, b: Seen): boolean {
  return a.mtimeMs === b.mtimeMs && a.size === b.size
}
