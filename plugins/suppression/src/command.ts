/** `postroad suppression add`, `remove`, `list`, `import`, `export`. */
import { readFile } from 'node:fs/promises'
import { parseDuration, suggestion } from '@postroad/options'
import type { CommandIo, PluginCommand, Suppression, SuppressionReason } from '@postroad/plugin'
import { parseList } from './file.ts'
import { REASONS, type SuppressionList } from './list.ts'

const USAGE = 64
const DATA = 65
const NO_INPUT = 66

/** The commands. */
export function suppressionCommands(list: SuppressionList): Readonly<Record<string, PluginCommand>> {
  return {
    add: {
      summary: 'Writes to these addresses no more',
      usage: '<address>… [--reason REASON] [--tenant TENANT] [--for DURATION] [--detail TEXT]',
      run: (args, io) => add(args, io, list),
    },
    remove: {
      summary: 'Lets these addresses be written to again',
      usage: '<address>… [--tenant TENANT]',
      async run(args, io) {
        const given = split(args)
        if (!given) return USAGE
        const { words, options } = given
        let missing = 0
        for (const address of words) {
          const removed = await list.remove(address, options.get('tenant') ?? '', io.signal)
          if (!removed) missing++
          io.row({ address, removed })
        }
        return words.length === 0 ? USAGE : missing > 0 ? NO_INPUT : 0
      },
    },
    list: {
      summary: 'Lists who is not written to, or those of them with a text in the address',
      usage: '[part of an address] [--tenant TENANT]',
      onlyLooks: true,
      async run(args, io) {
        const given = split(args)
        if (!given) return USAGE
        const { words, options } = given
        const [part = ''] = words
        for await (const entry of list.list(options.get('tenant'), io.signal))
          if (entry.address.includes(part.toLowerCase())) io.row(rowOf(entry))
        return 0
      },
    },
    import: {
      summary: 'Takes addresses of a file, one a line: address, reason, end, detail; all, or none when one is wrong',
      usage: '<file> [--reason REASON] [--tenant TENANT]',
      run: (args, io) => importFile(args, io, list),
    },
    export: {
      summary: 'Prints the list as `import` takes it',
      usage: '[--tenant TENANT]',
      onlyLooks: true,
      async run(args, io) {
        const given = split(args)
        if (!given) return USAGE
        const { options } = given
        for await (const entry of list.list(options.get('tenant') ?? '', io.signal)) {
          const { address, reason, until, detail } = entry
          if (io.json) io.row(rowOf(entry))
          else
            io.print(
              [address, reason, until === undefined ? 'never' : new Date(until).toISOString(), detail ?? '']
                .join('\t')
                .trimEnd(),
            )
        }
        return 0
      },
    },
  }
}

async function add(args: readonly string[], io: CommandIo, list: SuppressionList): Promise<number> {
  const given = split(args)
  if (!given) return USAGE
  const { words, options } = given
  const reason = reasonOf(options.get('reason') ?? 'manual', io)
  const length = options.get('for')
  const ms = length === undefined ? undefined : parseDuration(length)
  if (words.length === 0 || reason === undefined) return USAGE
  if (length !== undefined && ms === undefined) {
    io.print(`--for "${length}" is not a duration such as "90 d"`)
    return USAGE
  }
  const wrong = words.filter((one) => !list.takes(one))
  for (const one of wrong) io.print(`"${one}" is not an address such as "user@example.com"; nothing was added`)
  if (wrong.length > 0) return DATA
  for (const address of words) {
    const entry = await list.add(
      {
        address,
        tenant: options.get('tenant') ?? '',
        reason,
        until: ms === undefined ? undefined : list.now() + ms,
        detail: options.get('detail'),
      },
      io.signal,
    )
    io.row(rowOf(entry))
  }
  return 0
}

async function importFile(args: readonly string[], io: CommandIo, list: SuppressionList): Promise<number> {
  const given = split(args)
  if (!given) return USAGE
  const { words, options } = given
  const [file] = words
  const reason = reasonOf(options.get('reason') ?? 'manual', io)
  if (file === undefined || words.length > 1 || reason === undefined) return USAGE
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    io.print(`${file}: ${error instanceof Error ? error.message : String(error)}`)
    return NO_INPUT
  }
  const { entries, mistakes } = parseList(text, { reason, takes: (one) => list.takes(one) })
  for (const { line, text: what } of mistakes.slice(0, 20)) io.print(`${file}:${line}: ${what}`)
  if (mistakes.length > 0) {
    io.print(`${mistakes.length} of ${entries.length + mistakes.length} lines are wrong; nothing was imported`)
    return DATA
  }
  for (const entry of entries) {
    io.signal.throwIfAborted()
    await list.add({ ...entry, tenant: options.get('tenant') ?? '' }, io.signal)
  }
  io.row({ imported: entries.length })
  return 0
}

function reasonOf(text: string, io: CommandIo): SuppressionReason | undefined {
  const found = REASONS.find((one) => one === text)
  if (found === undefined) {
    const meant = suggestion(text, REASONS)
    io.print(
      `"${text}" is no reason; there are ${REASONS.join(', ')}${meant === undefined ? '' : `. Did you mean "${meant}"?`}`,
    )
  }
  return found
}

function rowOf({ address, tenant, reason, at, until, detail }: Suppression) {
  return {
    address,
    tenant: tenant || undefined,
    reason,
    since: new Date(at).toISOString(),
    until: until === undefined ? 'never' : new Date(until).toISOString(),
    detail,
  }
}

/** Words, and options by name with the word that follows each. Undefined when none follows: without a tenant it would be everybody's list. */
function split(
  args: readonly string[],
): { readonly words: readonly string[]; readonly options: ReadonlyMap<string, string> } | undefined {
  const words: string[] = []
  const options = new Map<string, string>()
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (!word.startsWith('--')) {
      words.push(word)
      continue
    }
    const value = args[++at]
    if (value === undefined || value === '' || value.startsWith('--')) return undefined
    options.set(word.slice(2), value)
  }
  return { words, options }
}
