/** `postroad why`: what became of a mail, and why, as a sentence. From the records that the server keeps, or from its log. */
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { judgeConfig } from '@postroad/core'
import type { RecordSource, StoredRecord, Story } from '@postroad/records'
import { type Command, InvalidArgumentError } from 'commander'
import { loadConfig } from '../config/load.ts'
import { UsageError } from '../config/usage-error.ts'
import { recordFolder } from '../services.ts'
import { moment } from './moment.ts'

interface WhyOptions {
  readonly config?: string
  readonly records?: string
  readonly log?: readonly string[]
  readonly since?: string
  readonly until?: string
  readonly limit: number
  readonly json?: boolean
}

/** Adds `why`. */
export function whyCommand(program: Command, outcome: { code: number }): void {
  program
    .command('why')
    .description('say what became of a mail, and why; exit code 1 when nothing is found')
    .argument(
      '<words...>',
      'the id of a refusal or of a 250, a queue id, a Message-ID, an address, a domain, the address of a client, words of the subject, a reply (451, 5xx, 5.7.1), a plugin; of several all must be met',
    )
    .option('--config <config>', 'configuration of the server whose records are read; default: this folder')
    .option('--records <folder>', 'read these records')
    .option('--log <file...>', 'read logs in place of records: canonical lines, as JSON, also .gz')
    .option('--since <time>', 'ISO 8601, or an age: 90m, 24h, 7d')
    .option('--until <time>', 'as --since')
    .option('--limit <number>', 'as many mails, the newest first', number, 5)
    .option('--json', 'print each story as a line of JSON')
    .addHelpText(
      'after',
      `
The server keeps records when its configuration uses the plugin history (or admin):  app.use(history())
Without it, the log has the same:  postroad why bob@example.com --log /var/log/postroad.log

Words are whole: example.com finds mail of and to that domain, exam finds nothing.`,
    )
    .action(async (words: readonly string[], options: WhyOptions) => {
      outcome.code = await why(words, options)
    })
}

function number(given: string): number {
  const value = Number(given)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('must be a number from 1 on.')
  return value
}

async function why(words: readonly string[], options: WhyOptions): Promise<number> {
  const { source, name } = await sourceOf(options)
  const stories = await storiesOf(source, words, options)
  for (const story of stories) process.stdout.write(options.json ? `${JSON.stringify(story)}\n` : await shown(story))
  if (stories.length > 0) return 0
  process.stderr.write(await nothing(words, name, source))
  return 1
}

interface Source {
  readonly source: RecordSource
  /** For people. */
  readonly name: string
}

async function sourceOf({ log, records, config }: WhyOptions): Promise<Source> {
  const { logSource, RecordReader } = await import('@postroad/records')
  if (log !== undefined) {
    for (const file of log)
      await stat(file).catch((cause: Error) => {
        throw new UsageError(`${file} cannot be read: ${cause.message}`, { cause })
      })
    return { source: logSource(log), name: log.join(', ') }
  }
  const folder = records === undefined ? await configuredFolder(config) : path.resolve(records)
  if (!(await stat(folder).catch(() => undefined))?.isDirectory())
    throw new UsageError(
      `There are no records in ${folder}. The server keeps them when its configuration uses the plugin history: app.use(history()). Its log has the same: add --log FILE`,
    )
  return { source: new RecordReader(folder), name: folder }
}

async function configuredFolder(given: string | undefined): Promise<string> {
  const { config, base } = await loadConfig(given)
  const { value } = judgeConfig(config)
  return recordFolder(path.resolve(base, value.folder))
}

async function storiesOf(
  source: RecordSource,
  words: readonly string[],
  options: WhyOptions,
): Promise<readonly Story[]> {
  const { findById, storyOf, wantedOf } = await import('@postroad/records')
  const [from, to] = [moment(options.since, Number.NEGATIVE_INFINITY), moment(options.until, Number.POSITIVE_INFINITY)]
  const [only = ''] = words
  const own = words.length === 1 ? await findById(source, only.replace(/^\(?(?:id )?|\)$/g, '')) : undefined
  if (own) return [await storyOf(source, own)]
  const wanted = wantedOf(words.join(' '))
  // Attempts of one mail are one story: more of them are looked for than are shown.
  const found = await source.find({ wanted, from, to, limit: options.limit * 20, accepts: isOfClient })
  const stories: Story[] = []
  const told = new Set<string>()
  for (const record of found) {
    if (stories.length === options.limit) break
    if (told.has(record.id)) continue
    const story = await storyOf(source, record)
    for (const { id } of story.transactions) told.add(id)
    stories.push(story)
  }
  return stories
}

function isOfClient({ event }: StoredRecord): boolean {
  return event === 'transaction' || event === 'session' || event === 'auth'
}

async function shown(story: Story): Promise<string> {
  const { plainText } = await import('@postroad/records')
  const rows = story.steps.map(({ at, transaction, sentence }) => {
    const said = plainText(sentence).replace(/^[^:]*, brought by [^:]*?(?:\([^)]*\))?[^:]*: /, '')
    return `  ${timeText(at)}  ${transaction === undefined ? '' : `${transaction}  `}${said}`
  })
  return `${plainText(story.sentence)}\n${rows.join('\n')}\n\n`
}

function timeText(at: number): string {
  return new Date(at).toISOString().replace('T', ' ').slice(0, 19)
}

async function nothing(words: readonly string[], name: string, source: RecordSource): Promise<string> {
  const [newest] = await source.find({ wanted: [], limit: 1 })
  const all = words.join(' ')
  if (!newest) return `There is no record in ${name} at all: has the server had mail since it keeps them?\n`
  const hints = [
    ...(words.length > 1 ? ['all words must be met: try fewer'] : []),
    'words are whole: the whole address, domain, id or word of the subject',
    'what is older than the records is gone: --log reads logs, also .gz',
  ]
  return `Nothing in ${name} has to do with "${all}" (its newest record is of ${newest.time.slice(0, 19).replace('T', ' ')}).\n${hints.map((hint) => `  ${hint}\n`).join('')}`
}
