/** `postroad lookup TABLE KEY`: what a directory says of a key, asked as the server asks it. */
import { type LookupAnswer, LookupDesk } from '@postroad/directory'
import { suggestion } from '@postroad/options'
import { errorOf } from '@postroad/plugin'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { Columns } from './columns.ts'

/** EX_UNAVAILABLE: nobody could say. */
const UNAVAILABLE = 69

const AFRESH = 'Asked by this command: what a running server has in memory it may answer for as long as "cache" says.\n'

type Table = LookupDesk['tables'][number]

/** Adds `lookup`. */
export function lookupCommand(program: Command, outcome: { code: number }): void {
  program
    .command('lookup')
    .description('say what a directory knows of a key; exit code 1: there is none, 69: nobody could say')
    .argument('[table]', 'name of the directory; without it: which there are')
    .argument('[key]', 'an address, a domain, a user')
    .option('--config <config>', 'configuration file or folder; default: this folder')
    .option('--json', 'print a line of JSON')
    .action(
      async (
        table: string | undefined,
        key: string | undefined,
        options: { readonly config?: string; readonly json?: boolean },
      ) => {
        const opened = await open(options.config, { looks: true, log: { format: 'silent' } })
        try {
          const tables = opened.server.desks(LookupDesk).flatMap(({ desk }) => desk.tables)
          outcome.code = await lookup(tables, { table, key, isJson: options.json ?? false })
        } finally {
          await opened.close()
        }
      },
    )
}

interface Asked {
  readonly table: string | undefined
  readonly key: string | undefined
  readonly isJson: boolean
}

async function lookup(tables: readonly Table[], { table, key, isJson }: Asked): Promise<number> {
  const print = printer(isJson)
  if (table === undefined) {
    for (const { name, source } of tables) print.row({ table: name, source })
    print.flush()
    if (tables.length === 0) process.stderr.write('No plugin of this configuration has the option "from".\n')
    return 0
  }
  const chosen = tables.filter(({ name }) => name === table)
  if (chosen.length === 0) throw new UsageError(noTable(table, tables))
  if (key === undefined) throw new UsageError(`which key? postroad lookup ${table} KEY`)
  const codes: number[] = []
  for (const one of chosen) codes.push(await ask(one, key.normalize('NFC').toLowerCase(), print.row))
  print.flush()
  if (!isJson) process.stderr.write(AFRESH)
  return Math.min(...codes)
}

function noTable(table: string, tables: readonly Table[]): string {
  const names = tables.map(({ name }) => name)
  const meant = suggestion(table, names)
  if (meant !== undefined) return `there is no table "${table}"; did you mean "${meant}"?`
  return `there is no table "${table}"; there ${names.length === 0 ? 'is none' : `are: ${names.join(', ')}`}`
}

type Row = Readonly<Record<string, string | number | undefined>>

async function ask(table: Table, key: string, row: (fields: Row) => void): Promise<number> {
  const { name, source, secret } = table
  try {
    const { entry, how, age } = await table.look(key)
    row({ table: name, key, answer: entry ? 'found' : 'not there', age: inWords(how, age), source })
    for (const [field, values] of entry?.fields ?? [])
      row({ field, value: secret.includes(field) ? '***' : values.join(', ') })
    return entry ? 0 : 1
  } catch (error) {
    row({ table: name, key, answer: 'nobody can say', age: '', source })
    process.stderr.write(`${errorOf(error).message}\n`)
    return UNAVAILABLE
  }
}

function inWords(how: LookupAnswer['how'], age: number): string {
  if (how === 'asked') return 'asked afresh'
  const seconds = Math.round(age / 1_000)
  const long =
    seconds < 120
      ? `${seconds} s`
      : seconds < 7_200
        ? `${Math.round(seconds / 60)} min`
        : `${Math.round(seconds / 3_600)} h`
  return `${long}, ${how === 'list' ? 'of the last list' : how === 'stale' ? 'of before the outage' : 'kept'}`
}

function printer(isJson: boolean): { row(fields: Row): void; flush(): void } {
  const write = (text: string): void => void process.stdout.write(text)
  const columns = new Columns(write)
  return {
    row: (fields) => (isJson ? write(`${JSON.stringify(fields)}\n`) : columns.row(fields)),
    flush: () => columns.flush(),
  }
}
