/** The log: one JSON line an event, or short coloured lines on a terminal. Written in batches; flushed when the process ends. */
import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import type { Logger } from '@postroad/plugin'
import { CanonicalLine } from './canonical-line.ts'
import { jsonOf, type LineFields, type LineShape, writableFields } from './json.ts'
import { pretty } from './pretty.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** How the operator wants the log. */
export interface LogOptions {
  /** Default: `pretty` on a terminal, `json` elsewhere. `silent`: nothing is made, nothing is counted. */
  readonly format?: 'json' | 'pretty' | 'silent'
  /** Default `info`. */
  readonly level?: LogLevel
  /** `hashed`: local parts of addresses in canonical lines are replaced by a digest. Default `plain`. */
  readonly addresses?: 'plain' | 'hashed'
  /** Message-ID and subject in canonical lines. `hashed`: a digest of each, which finds what is known already. Default `plain`. */
  readonly message?: 'plain' | 'hashed' | 'none'
  /** Where lines go, each with its line break. Default: standard output. */
  readonly write?: (lines: string) => void
}

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }
const BATCH = 65_536

/** The log of one server. */
export interface Log extends Logger {
  /** False when nobody reads: then nothing need be counted either. */
  readonly enabled: boolean
  readonly format: NonNullable<LogOptions['format']>
  /** Writes a canonical line, which is then told to others. */
  record(line: object): CanonicalLine
  /** A canonical line as it would be written: with its time, and addresses as the operator wants them. */
  canonical(line: object): CanonicalLine
  child(fields: Readonly<Record<string, unknown>>): Logger
  /** Told of each line that is no canonical one, as JSON without a line break; whether anything is written or not. Undefined: nobody listens. */
  heard: ((line: string) => void) | undefined
  flush(): void
}

/** Makes a log; `now` is milliseconds since the epoch, `out` gives how many lines it could not write. */
export function createLog(
  options: LogOptions = {},
  now: () => number = Date.now,
  out: (lines: string) => number = standardOutput(),
): Log {
  const format = options.format ?? (process.stdout.isTTY ? 'pretty' : 'json')
  const least = LEVELS[options.level ?? 'info']
  const write = options.write === undefined ? out : countless(options.write)
  const hashes = options.addresses === 'hashed'
  const shape: LineShape = format === 'json' ? asJson : pretty
  let waiting = ''
  let lost = 0
  const flush = (): void => {
    const lines = waiting
    waiting = ''
    if (!lines) return
    // Said before what comes next, so that who reads the log knows where it has a gap.
    const gap =
      lost === 0
        ? ''
        : shape({
            time: new Date(now()).toISOString(),
            level: 'error',
            text: 'log lines were lost: nobody read them in time',
            lines: lost,
          })
    try {
      const unwritten = write(gap + lines)
      // Of those that are lost now one may be what says how many were before.
      lost = gap !== '' && unwritten > count(lines) ? lost + unwritten - 1 : unwritten
    } catch {
      lost += count(lines) // of all things the log must not fail whoever writes into it
    }
  }
  const push = (line: string): void => {
    if (!waiting) setImmediate(flush)
    waiting += line
    if (waiting.length > BATCH) flush()
  }
  type Bound = { text?: string; bound?: LineFields }
  const put = (level: LogLevel, fields: object, { text, bound }: Bound): void => {
    if (LEVELS[level] < least) return
    const isSilent = format === 'silent'
    const { heard } = own
    if (isSilent && !heard) return
    const head = { time: new Date(now()).toISOString(), level, ...(text === undefined ? {} : { text }), ...bound }
    const line = isSilent ? undefined : withHead(head, fields, shape)
    if (line !== undefined) push(line)
    heard?.((line !== undefined && shape === asJson ? line : withHead(head, fields, asJson)).trimEnd())
  }
  const canonical = (line: object): CanonicalLine => {
    const fields = line as LineFields // any object has fields
    return new CanonicalLine(new Date(now()).toISOString(), hashes ? hashedFields(fields) : fields)
  }
  const logger = (bound: Readonly<Record<string, unknown>>): Logger => ({
    debug: (fields, text) => put('debug', fields, { bound, text }),
    info: (fields, text) => put('info', fields, { bound, text }),
    warn: (fields, text) => put('warn', fields, { bound, text }),
    error: (fields, text) => put('error', fields, { bound, text }),
  })
  const own: Log = {
    ...logger({}),
    heard: undefined,
    enabled: format !== 'silent',
    format,
    // Canonical lines are of many more mails than anybody reads the log of, and are told by the feed: `heard` is not.
    record(line) {
      const whole = canonical(line)
      if (format === 'silent' || LEVELS.info < least) return whole
      push(shape === asJson ? whole.logged : withHead({ time: whole.time, level: 'info' }, whole.fields, shape))
      return whole
    },
    canonical,
    child: logger,
    flush,
  }
  return own
}

const asJson: LineShape = (line) => `${jsonOf(line)}\n`

function withHead(head: LineFields, fields: object, shape: LineShape): string {
  try {
    return shape({ ...head, ...fields })
  } catch {
    return shape({ ...head, ...writableFields(fields as LineFields, shape) }) // any object has fields
  }
}

function hashedFields(fields: LineFields): LineFields {
  try {
    return hashAddresses(fields)
  } catch {
    return hashAddresses(writableFields(fields, asJson))
  }
}

/** Those of MAIL AUTH= and RCPT ORCPT= too. */
const ADDRESSES = new Set(['from', 'to', 'auth', 'address', 'user', 'identity'])

function hashAddresses(line: LineFields): LineFields {
  return Object.fromEntries(Object.entries(line).map(([name, value]) => [name, hashed(value, name)]))
}

function hashed(value: unknown, key: string): unknown {
  if (typeof value === 'string') return ADDRESSES.has(key) ? digest(value) : value
  if (Array.isArray(value)) return value.map((item) => hashed(item, key))
  return typeof value === 'object' && value !== null ? hashAddresses(value as LineFields) : value // any object has fields
}

function digest(address: string): string {
  if (address === '') return ''
  const at = address.includes('@') ? address.lastIndexOf('@') : address.length
  return `${createHash('sha256').update(address.slice(0, at)).digest('hex').slice(0, 12)}${address.slice(at)}`
}

/** Of what somebody else writes nothing is known to be lost. */
function countless(write: (lines: string) => void): (lines: string) => number {
  return (lines) => {
    write(lines)
    return 0
  }
}

/** Writes and gives how many lines could not be: a pipe that nobody reads is full, and the server does not wait for its reader. */
function standardOutput(): (lines: string) => number {
  let isBroken = false
  return (lines) => {
    // A line that was cut ends before the next one begins.
    if (isBroken && writeAll(Buffer.from('\n')).length > 0) return count(lines)
    const whole = Buffer.from(lines)
    const rest = writeAll(whole)
    const written = whole.length - rest.length
    isBroken = written > 0 && whole[written - 1] !== 0x0a
    return count(rest.toString('latin1'))
  }
}

/** Gives what could not be written. */
function writeAll(octets: Buffer): Buffer {
  let rest = octets
  for (let tries = 0; rest.length > 0 && tries < 1_000; tries++) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      // A pipe that is full says so; a reader that is gone must not take the server with it.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) break
    }
  }
  return rest
}

function count(lines: string): number {
  let found = 0
  for (let at = lines.indexOf('\n'); at >= 0; at = lines.indexOf('\n', at + 1)) found++
  return found
}
