/** `postroad routing entries`, `set` and `unset`: tables that are kept in the store, filled without another program. */

import { parseAddress } from '@postroad/mail'
import { domainName } from '@postroad/options'
import type { CommandIo, PluginCommand, Store } from '@postroad/plugin'
import type { TableOptions } from './options.ts'
import { readTarget } from './target.ts'

const USAGE = 64

/** Where entries are written, and what their keys are. */
export type StoreTable = Pick<TableOptions, 'of'> & { readonly prefix: string }

/** None without tables in the store. Of several, `--table PREFIX` says which. */
export function tableCommands(tables: readonly StoreTable[], store: Store): Readonly<Record<string, PluginCommand>> {
  if (tables.length === 0) return {}
  return {
    entries: {
      summary: 'Lists what is in the tables that are kept in the store',
      usage: '[--table PREFIX]',
      async run(args, io) {
        const chosen = parse(args).prefix
        for (const { prefix } of tables.filter((table) => chosen === undefined || table.prefix === chosen))
          for await (const [key, value] of store.entries(prefix, io.signal))
            io.row({ table: prefix, key: key.slice(prefix.length), value })
      },
    },
    set: {
      summary: 'Writes an entry: addresses, a way ("lmtp 127.0.0.1 24"), or JSON of either',
      usage: '<address | @domain | domain> <value>… [--table PREFIX]',
      async run(args, io) {
        const found = find(tables, args, io)
        if (!found || found.value === '') return USAGE
        readTarget(found.value) // throws for what is no target: it would defer mail
        await store.set(found.key, found.value)
        return 0
      },
    },
    unset: {
      summary: 'Removes an entry',
      usage: '<address | @domain | domain> [--table PREFIX]',
      async run(args, io) {
        const found = find(tables, args, io)
        if (!found) return USAGE
        io.row({ removed: await store.delete(found.key) })
        return 0
      },
    },
  }
}

interface Arguments {
  readonly prefix: string | undefined
  readonly words: readonly string[]
}

function parse(args: readonly string[]): Arguments {
  const at = args.indexOf('--table')
  return at < 0 ? { prefix: undefined, words: args } : { prefix: args[at + 1], words: args.toSpliced(at, 2) }
}

function find(
  tables: readonly StoreTable[],
  args: readonly string[],
  io: CommandIo,
): { readonly key: string; readonly value: string } | undefined {
  const { prefix, words } = parse(args)
  const [table, ...others] = tables.filter((each) => prefix === undefined || each.prefix === prefix)
  if (!table || others.length > 0) {
    io.print(`Say --table, one of: ${tables.map((each) => each.prefix).join(' ')}`)
    return undefined
  }
  const [name = '', ...value] = words
  const key = keyOf(name, table.of)
  if (key === undefined) {
    io.print(`${name} is not ${table.of === 'domains' ? 'a domain' : 'an address or an @domain'}`)
    return undefined
  }
  return { key: table.prefix + key, value: value.join(' ') }
}

/** As it is asked for. */
function keyOf(name: string, of: TableOptions['of']): string | undefined {
  if (of === 'domains') return domainName(name)
  if (name.startsWith('@')) {
    const domain = domainName(name.slice(1))
    return domain && `@${domain}`
  }
  const address = parseAddress(name, { smtputf8: true })
  return address && `${address.local.normalize('NFC').toLowerCase()}@${address.domain}`
}
