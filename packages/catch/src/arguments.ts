/** The command line of `postroad catch`. */
import { parseArgs } from 'node:util'
import { suggestion } from '@postroad/options'
import { size } from '@postroad/options/zod'
import { type At, type CatchSettings, isLoopback } from './start.ts'

/** Told to whoever typed it. */
export class WrongArguments extends Error {
  override readonly name = 'WrongArguments'
}

/** What was asked for. */
export type CatchArguments =
  | { readonly mode: 'help' | 'version' }
  | ({ readonly mode: 'run'; readonly isQuiet: boolean; readonly isExposed: boolean } & Omit<CatchSettings, 'log'>)

const OPTIONS = {
  smtp: { type: 'string', default: '127.0.0.1:1025' },
  http: { type: 'string', default: '127.0.0.1:8025' },
  like: { type: 'string', default: 'lenient' },
  max: { type: 'string', default: '10000' },
  disk: { type: 'string', default: '2 GB' },
  folder: { type: 'string' },
  name: { type: 'string', multiple: true },
  tls: { type: 'boolean', default: false },
  rspamd: { type: 'string' },
  spamassassin: { type: 'string' },
  offline: { type: 'boolean', default: false },
  expose: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', short: 'V', default: false },
} as const

/** What `--help` prints. */
export const HELP = `Usage: postroad catch [options]

Takes all mail, whoever it is for, and delivers none: for programs under development.

  --smtp HOST:PORT   where mail is taken; default 127.0.0.1:1025
  --http HOST:PORT   the page and the REST API (as Mailpit's); default 127.0.0.1:8025; off: neither
  --like strict      behaves as receivers do that know nobody: greylisting, limits, 421; the rules are printed
  --max N            messages that are kept; the oldest go first; default 10000
  --disk SIZE        octets that all together may have; default 2 GB
  --folder FOLDER    keeps them there, also after the end; default: a folder for temporary files, which goes
  --tls              offers STARTTLS, with a certificate that nobody has signed
  --rspamd HOST:PORT, --spamassassin HOST:PORT
                     asks that scanner too what it would say; its plugin is to be installed
  --offline          asks no DNS: SPF, DKIM and DMARC are not looked at
  --expose           may be reached from other machines, when HOST is not of this one: whoever reaches it reads all
  --name NAME        another name that browsers call it by; as often as there are names
  --quiet            prints no line for each message
`

/** @throws {WrongArguments} with what was meant */
export function readArguments(words: readonly string[]): CatchArguments {
  checkWords(words)
  const { values, positionals } = parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true })
  if (values.help) return { mode: 'help' }
  if (values.version) return { mode: 'version' }
  if (positionals.length > 0)
    throw new WrongArguments(`what is ${JSON.stringify(positionals[0])}? Options begin with --`)
  const { expose, like, max, disk, folder, rspamd, spamassassin, offline, tls, name = [], quiet } = values
  const smtp = placeOf('--smtp', values.smtp, expose)
  const http = values.http === 'off' ? undefined : placeOf('--http', values.http, expose)
  return {
    mode: 'run',
    smtp,
    http,
    like: likeOf(like),
    bounds: { messages: wholeOf(max), octets: octetsOf(disk) },
    folder,
    authentication: !offline,
    filters: { rspamd, spamassassin },
    tls,
    names: name,
    isQuiet: quiet,
    isExposed: [smtp, http].some((at) => at !== undefined && !isLoopback(at.host)),
  }
}

/** Says what is wrong in our words. */
function checkWords(words: readonly string[]): void {
  const config = { args: [...words], options: OPTIONS, strict: false, allowPositionals: true, tokens: true } as const
  for (const token of parseArgs(config).tokens) {
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    if (!isKnown(name)) throw new WrongArguments(unknown(rawName))
    if (OPTIONS[name].type === 'string' && (value === undefined || value === ''))
      throw new WrongArguments(`${rawName} needs a value`)
    if (OPTIONS[name].type === 'boolean' && value !== undefined) throw new WrongArguments(`${rawName} takes no value`)
  }
}

function isKnown(name: string): name is keyof typeof OPTIONS {
  return Object.hasOwn(OPTIONS, name)
}

function unknown(name: string): string {
  const known = Object.keys(OPTIONS)
  const meant = suggestion(name.replace(/^-+/, ''), known)
  return `there is no option ${name}; ${meant === undefined ? `there are ${known.map((one) => `--${one}`).join(', ')}` : `did you mean --${meant}?`}`
}

/** `HOST:PORT`, `[::1]:PORT`, or a port alone. */
function placeOf(option: string, text: string, isExposed: boolean): At {
  const [, bracketed, plain, digits = text] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text) ?? []
  const host = bracketed ?? (plain === undefined || plain === '' ? '127.0.0.1' : plain)
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN
  if (!(port <= 65_535)) throw new WrongArguments(`${option}: ${JSON.stringify(text)} is not HOST:PORT`)
  if (!isLoopback(host) && !isExposed)
    throw new WrongArguments(
      `${option} ${text}: other machines can reach that address, and whoever reaches it reads all mail, resets of passwords too; say --expose as well if that is meant`,
    )
  return { host, port }
}

function likeOf(text: string): CatchSettings['like'] {
  if (text === 'lenient' || text === 'strict') return text
  const meant = suggestion(text, ['lenient', 'strict'])
  throw new WrongArguments(
    `--like takes lenient or strict, not ${JSON.stringify(text)}${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
  )
}

function wholeOf(text: string): number {
  const value = Number(text.replaceAll('_', ''))
  if (!Number.isSafeInteger(value) || value < 1)
    throw new WrongArguments(`--max: a whole number from 1 on, not ${JSON.stringify(text)}`)
  return value
}

function octetsOf(text: string): number {
  const { success, data } = size.safeParse(text)
  if (!success || data < 1) throw new WrongArguments(`--disk: a size such as "500 MB", not ${JSON.stringify(text)}`)
  return data
}
