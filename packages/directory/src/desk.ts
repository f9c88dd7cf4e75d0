/** What `postroad lookup` asks: the directories of a plugin, as it uses them. */
import { type Desk, defineService, desk, type Service } from '@postroad/plugin'
import type { Directory } from './directory.ts'

/** Tables of one plugin. */
export interface LookupDesk {
  readonly tables: readonly LookupTable[]
}

/** One of them. */
export interface LookupTable {
  /** As in logs and metrics. */
  readonly name: string
  readonly source: string
  /** Fields that are never shown: passwords. */
  readonly secret: readonly string[]
  look: Directory['look']
}

export const LookupDesk: Service<LookupDesk> = defineService('lookup-desk')

/** Offers directories to `postroad lookup`; `setup` returns it in `desks`. */
export function lookupDesk(directories: readonly Directory[], secret: readonly string[] = []): Desk {
  const tables = directories.map((directory) => ({
    name: directory.name,
    source: directory.source,
    secret,
    look: (key: string) => directory.look(key),
  }))
  return desk<LookupDesk>(LookupDesk, { tables })
}
