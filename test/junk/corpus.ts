/** Sets of a corpus that is not in the repository: `norm/ID` and `{R,T}.{train,test}` as prepare.mjs of the suite `junk` makes them. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Features, Label } from '@postroad/learn'
import { Scanner } from '@postroad/learn'

/** One message of the corpus. */
export interface Item {
  readonly id: string
  readonly path: string
  readonly label: Label
  readonly features: Features
  /** Milliseconds since 1970, 0 when it has no date that can be. */
  readonly date: number
}

/** The corpus with its sets. */
export interface Corpus {
  readonly all: readonly Item[]
  readonly sets: Readonly<Record<'R' | 'T', { readonly train: readonly Item[]; readonly test: readonly Item[] }>>
}

/** Reads and scans everything. */
export function readCorpus(folder: string): Corpus {
  const scanner = new Scanner()
  const items = new Map<string, Item>()
  for (const id of readdirSync(join(folder, 'norm')).sort()) {
    const path = join(folder, 'norm', id)
    const octets = readFileSync(path)
    const label = id.split('-')[1] === '1' ? 'junk' : 'wanted'
    items.set(id, { id, path, label, features: scanner.scan(octets), date: dateOf(octets.toString('latin1')) })
  }
  const list = (name: string) =>
    readFileSync(join(folder, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => items.get(basename(line.slice(2)))!)
  return {
    all: [...items.values()],
    sets: { R: { train: list('R.train'), test: list('R.test') }, T: { train: list('T.train'), test: list('T.test') } },
  }
}

/** When a message came by its last Received field, or its Date; what is out of its time is not believed. */
function dateOf(text: string): number {
  const end = text.indexOf('\n\n')
  const head = (end < 0 ? text : text.slice(0, end)).replaceAll(/\n[ \t]+/g, ' ')
  const fields = head.split('\n')
  const received = fields.find((field) => field.toLowerCase().startsWith('received:'))
  const date = fields.find((field) => field.toLowerCase().startsWith('date:'))
  for (const text of [received?.slice(received.lastIndexOf(';') + 1), date?.slice(5)]) {
    const time = Date.parse((text ?? '').replaceAll(/\([^)]*\)/g, ''))
    if (time > 9e11 && time < 1.1e12) return time
  }
  return 0
}
