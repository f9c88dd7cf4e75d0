/** `postroad trace`: what is said on connections now, with the answers of handlers between. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { judgeConfig } from '@postroad/core'
import { dialogueOf, followTrace, type TraceLine, type TraceQuery, type TraceSkipped } from '@postroad/trace'
import type { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import { UsageError } from '../config/usage-error.ts'

interface Options extends TraceQuery {
  readonly config?: string
  readonly folder?: string
  readonly terse?: boolean
  readonly json?: boolean
  readonly save?: string
}

/** Adds `trace`. */
export function traceCommand(program: Command): void {
  program
    .command('trace')
    .description('show live what clients and next hops say and are told, and what handlers answer; Ctrl-C ends it')
    .option('--ip <network...>', 'only peers in these networks')
    .option('--from <glob>', 'only with this reverse-path, *@example.com')
    .option('--to <glob>', 'only with such a recipient')
    .option('--listener <name>', 'only connections to this listener')
    .option('--out <glob>', 'only connections to next hops of this name or address, * for all')
    .option('--content', 'messages, too; passwords are never shown')
    .option('--terse', 'no handlers and no times')
    .option('--save <folder>', 'a file for each connection to us that ends, which `postroad dialogue` runs again')
    .option('--config <config>', 'configuration file or folder of the server')
    .option('--folder <folder>', 'where that server keeps its things, in place of a configuration')
    .option('--json', 'print JSON lines')
    .addHelpText(
      'after',
      '\nTo be run by the user of the server, or root. All its workers are followed, those that start meanwhile, too.\nC: is what the client says, S: the server, # a handler and its milliseconds. Who has no envelope yet is shown with\n--from or --to when it has one that fits.',
    )
    .action(async (options: Options) => {
      await run(options)
    })
}

async function run(options: Options): Promise<void> {
  const folder = options.folder === undefined ? await folderOf(options.config) : path.resolve(options.folder)
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const files = options.save === undefined ? undefined : new Saved(path.resolve(options.save))
  const tell = (line: TraceLine | TraceSkipped): void => {
    print(line, options)
    if (files && !('skipped' in line)) files.add(line)
  }
  let known = -1
  const joined = (processes: number): void => {
    if (processes !== known && !options.json)
      process.stderr.write(
        processes === 0
          ? `No server runs in ${folder}; waiting.\n`
          : `Following ${processes} ${processes === 1 ? 'process' : 'processes'}.\n`,
      )
    known = processes
  }
  setTimeout(() => known === -1 && joined(0), 2_000).unref()
  try {
    await followTrace(folder, queryOf(options), tell, { signal: controller.signal, joined })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
  await files?.end()
}

function queryOf({ ip, from, to, listener, out, content }: Options): TraceQuery {
  const given = { ip, from, to, listener, out, content }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

async function folderOf(config: string | undefined): Promise<string> {
  const { config: loaded, base } = await loadConfig(config)
  return path.resolve(base, judgeConfig(loaded).value.folder)
}

const MARKS = { C: 'C:', S: 'S:', hook: '# ', note: '* ' } as const

function print(line: TraceLine | TraceSkipped, { json, terse }: Options): void {
  if (json) process.stdout.write(`${JSON.stringify(line)}\n`)
  else if ('skipped' in line) process.stdout.write(`… ${line.skipped} lines skipped\n`)
  else if (terse) {
    if (line.by !== 'hook') process.stdout.write(`${whereOf(line)} ${MARKS[line.by]} ${line.text}\n`)
  } else {
    const clock = new Date(line.time).toISOString().slice(11, 23)
    process.stdout.write(
      `${clock} ${`+${line.ms.toFixed(1)}`.padStart(8)} ${whereOf(line)} ${MARKS[line.by]} ${line.text}\n`,
    )
  }
}

function whereOf({ connection, side, listener, host, remote = '' }: TraceLine): string {
  return side === 'server'
    ? `${connection} ${listener ?? ''} ${remote}`
    : `${connection} → ${host ?? ''} ${host === remote ? '' : remote}`.trimEnd()
}

/** Connections that are kept until they end. */
const SAVED = 1_000
/** Lines of one of them. */
const SAVED_LINES = 10_000

class Saved {
  readonly #folder: string
  readonly #lines = new Map<string, TraceLine[]>()
  #writing: Promise<unknown> = Promise.resolve()

  constructor(folder: string) {
    this.#folder = folder
  }

  add(line: TraceLine): void {
    if (line.side !== 'server') return
    const { connection } = line
    const lines = this.#lines.get(connection) ?? []
    if (lines.length < SAVED_LINES) lines.push(line)
    if (this.#lines.size < SAVED || this.#lines.has(connection)) this.#lines.set(connection, lines)
    if (line.by === 'note' && line.text.startsWith('closed')) this.#write(connection)
  }

  /** What has not ended is written as far as it came. */
  async end(): Promise<void> {
    for (const connection of [...this.#lines.keys()]) this.#write(connection)
    await this.#writing
  }

  #write(connection: string): void {
    const lines = this.#lines.get(connection) ?? []
    this.#lines.delete(connection)
    // What was under way when the trace began is no dialogue: it could not be run again.
    if (!isFromBeginning(lines)) return
    const file = path.join(this.#folder, `${connection.replace(/[^\w-]/g, '_')}.smtp`)
    this.#writing = this.#writing
      .then(() => mkdir(this.#folder, { recursive: true, mode: 0o700 }))
      .then(() => writeFile(file, dialogueOf(lines), { mode: 0o600 }))
      .catch((error: unknown) =>
        process.stderr.write(`${file} was not written: ${error instanceof Error ? error.message : error}\n`),
      )
  }
}

/** The first thing that was said is a banner. */
function isFromBeginning(lines: readonly TraceLine[]): boolean {
  const first = lines.find(({ by }) => by === 'S' || by === 'C')
  return first?.by === 'S' && /^(?:220|421|554)\b/.test(first.text)
}
