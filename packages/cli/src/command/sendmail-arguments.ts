/** The command line of sendmail, as forty years of programs write it: letters may stand together, values may stand apart. */
import { UsageError } from '../config/usage-error.ts'

/** What was asked for. */
export interface SendmailArguments {
  /** `deliver` (-bm, the default); `aliases` (-bi): there is nothing to rebuild; `help`. */
  readonly mode: 'deliver' | 'aliases' | 'help'
  /** -f or -r; empty: the null reverse-path. */
  readonly from: string | undefined
  /** -F. */
  readonly fullName: string | undefined
  /** -t: also those of To, Cc and Bcc. */
  readonly fromFields: boolean
  /** -i or -oi: a line with nothing but a dot does not end the message. */
  readonly keepsDots: boolean
  /** -N, RFC 3461 §4.1. */
  readonly notify: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[] | undefined
  /** -R, RFC 3461 §4.3. */
  readonly ret: 'FULL' | 'HDRS' | undefined
  /** -V, RFC 3461 §4.4. */
  readonly envid: string | undefined
  /** -v. */
  readonly isVerbose: boolean
  readonly to: readonly string[]
  /** Ours: where to, instead of a queue on this machine. */
  readonly server: string | undefined
  /** Ours, and -C. */
  readonly config: string | undefined
  readonly scope: string | undefined
}

/** Options that have a value, in the same word or the next. */
const VALUED = new Set('fFrNRVCBOhXLpAd')
/** Options that mean nothing here: what they say is done anyhow, or never. */
const IGNORED = new Set('imnvUGtBOhXLpAdo')
const NOTIFY = ['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'] as const
const LONG = ['server', 'config', 'scope'] as const

/** @throws {UsageError} for what sendmail does and this does not, and for what neither knows */
export function readSendmailArguments(args: readonly string[]): SendmailArguments {
  const said = new Map<string, string>()
  const to: string[] = []
  const words = [...args]
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') {
      to.push(...words.splice(0))
    } else if (word.startsWith('--')) {
      const [name = '', inline] = word.slice(2).split(/=(.*)/s)
      if (name === 'help') said.set('help', '')
      else if (!LONG.some((known) => known === name))
        throw new UsageError(
          `There is no option --${name}; there are ${LONG.map((known) => `--${known}`).join(', ')}, --help`,
        )
      else said.set(name, inline ?? taken(`--${name}`, words))
    } else if (word.startsWith('-') && word !== '-') readLetters(word.slice(1), words, said)
    else to.push(word)
  }
  return {
    mode: modeOf(said),
    from: (said.get('f') ?? said.get('r'))?.replace(/^<(.*)>$/s, '$1'),
    fullName: said.get('F'),
    fromFields: said.has('t'),
    keepsDots: said.has('i') || said.has('oi'),
    notify: notifyOf(said.get('N')),
    ret: retOf(said.get('R')),
    envid: said.get('V'),
    isVerbose: said.has('v'),
    to,
    server: said.get('server'),
    config: said.get('config') ?? said.get('C'),
    scope: said.get('scope'),
  }
}

/** `-ti`, `-fann@example.org`, `-f ann@example.org`, `-oi`, `-bm`. */
function readLetters(letters: string, words: string[], said: Map<string, string>): void {
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at] ?? ''
    const rest = letters.slice(at + 1)
    if (letter === 'b' || letter === 'o' || letter === 'q') {
      said.set(letter === 'o' ? `o${rest[0] ?? ''}` : letter, rest)
      return
    }
    if (VALUED.has(letter)) {
      said.set(letter, rest === '' ? taken(`-${letter}`, words) : rest)
      return
    }
    if (!IGNORED.has(letter)) throw new UsageError(`sendmail: there is no option -${letter}`)
    said.set(letter, '')
  }
}

function taken(option: string, words: string[]): string {
  const value = words.shift()
  if (value === undefined) throw new UsageError(`sendmail: ${option} needs a value`)
  return value
}

function modeOf(said: ReadonlyMap<string, string>): SendmailArguments['mode'] {
  if (said.has('help')) return 'help'
  const mode = said.get('b') ?? 'm'
  if (mode === 'm' && !said.has('q')) return 'deliver'
  if (mode === 'i') return 'aliases'
  const instead: Readonly<Record<string, string>> = {
    p: 'postroad queue list',
    s: 'a listener of postroad start',
    d: 'postroad start',
    v: 'postroad routing route ADDRESS',
  }
  const words = said.has('q') && mode === 'm' ? 'postroad queue retry' : instead[mode[0] ?? '']
  throw new UsageError(
    `sendmail: -${said.has('b') ? `b${mode}` : 'q'} is not done here${words === undefined ? '' : `; see ${words}`}`,
  )
}

function notifyOf(text: string | undefined): SendmailArguments['notify'] {
  if (text === undefined) return undefined
  const asked = text.split(',').map((word) => word.trim().toUpperCase())
  const known = NOTIFY.filter((word) => asked.includes(word))
  if (known.length !== asked.length || (known.includes('NEVER') && known.length > 1))
    throw new UsageError(`sendmail: -N takes never, or some of success, failure, delay; not ${JSON.stringify(text)}`)
  return known
}

function retOf(text: string | undefined): SendmailArguments['ret'] {
  if (text === undefined) return undefined
  if (/^full$/i.test(text)) return 'FULL'
  if (/^hdrs$/i.test(text)) return 'HDRS'
  throw new UsageError(`sendmail: -R takes full or hdrs, not ${JSON.stringify(text)}`)
}
