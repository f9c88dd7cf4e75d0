/** Haraka's logger, as plugins know it, over the log of the server. */
import { errorOf, type Logger } from '@postroad/plugin'

/** Severities as Haraka counts them. */
const LEVELS: Readonly<Record<string, number>> = {
  DATA: 9,
  PROTOCOL: 8,
  DEBUG: 7,
  INFO: 6,
  NOTICE: 5,
  WARN: 4,
  ERROR: 3,
  CRIT: 2,
  ALERT: 1,
  EMERG: 0,
}
/** Characters of one message. */
const LENGTH = 2_000

/** What a plugin with a `log` hook is told. */
export interface LogItem {
  readonly level: string
  readonly data: string
  readonly obj: Readonly<Record<string, unknown>>
}

/** Where messages of plugins go. */
export interface LogSink {
  readonly log: Logger
  /** Plugins that want to hear them. */
  heard?: ((item: LogItem) => void) | undefined
}

type LogMethod = (...said: unknown[]) => boolean | undefined

/** `loginfo`, `logwarn` …, and what `require('./logger')` gives. */
export interface HarakaLogger {
  [name: string]: unknown
  loglevel: number
}

/** The level that `log.ini` or `loglevel` say, by name or number; NOTICE where they say nothing. */
export function levelOf(said: unknown): number {
  const text = String(said ?? '')
    .toUpperCase()
    .replace(/^LOG/, '')
  return LEVELS[text] ?? (/^\d$/.test(text) ? Number(text) : 5)
}

/**
 * Gives an object the methods `logdebug` … `logemerg`; what is there already stays.
 *
 * @param origin what messages go by that name no plugin
 */
export function addLogMethods(
  target: object,
  origin: string,
  sinkOf: (self: object) => LogSink | undefined,
  level: (self: object) => number,
): void {
  for (const [name, severity] of Object.entries(LEVELS)) {
    const method = `log${name.toLowerCase()}`
    if (method in target) continue
    const log: LogMethod = function (this: unknown, ...said) {
      const self = typeof this === 'object' && this !== null ? this : target
      if (severity > level(self)) return undefined
      write(name, severity, { origin, said, self }, sinkOf(self))
      return true
    }
    Object.defineProperty(target, method, { value: log, writable: true, configurable: true, enumerable: false })
  }
}

/** The logger itself, for plugins that ask for it. */
export function makeLogger(sinkOf: () => LogSink | undefined, level: number): HarakaLogger {
  const levels: Record<string, number> = { ...LEVELS }
  for (const [name, severity] of Object.entries(LEVELS)) levels[`LOG${name}`] = severity
  const logger: HarakaLogger = { ...levels, levels, loglevel: level, name: 'logger' }
  logger['would_log'] = (severity: number) => logger.loglevel >= severity
  logger['add_log_methods'] = (target: object, origin = 'core') =>
    addLogMethods(target, String(origin), sinkOf, () => logger.loglevel)
  addLogMethods(logger, 'core', sinkOf, () => logger.loglevel)
  return logger
}

function write(
  level: string,
  severity: number,
  { origin, said, self }: { readonly origin: string; readonly said: readonly unknown[]; readonly self: object },
  sink: LogSink | undefined,
): void {
  if (!sink) return
  const parts: string[] = []
  let plugin = origin
  let uuid = isConnection(self) ? String(self.uuid) : undefined
  for (const one of said) {
    if (typeof one !== 'object') parts.push(String(one))
    else if (one !== null) {
      const { name, uuid: id } = one as { readonly name?: unknown; readonly uuid?: unknown } // anything may be logged
      if (isConnection(one)) uuid = String(id)
      else if (one instanceof Error) parts.push(errorOf(one).message)
      else if (typeof name === 'string') plugin = name
      else parts.push(pairsOf(one))
    }
  }
  const text = parts
    .filter((part) => part !== '')
    .join(' ')
    .replace(/[\r\n]+/g, ' ')
    .slice(0, LENGTH)
  const fields = { haraka: plugin, said: text }
  if (severity >= 7) sink.log.debug(fields, 'a plugin of Haraka says')
  else if (severity >= 5) sink.log.info(fields, 'a plugin of Haraka says')
  else if (severity === 4) sink.log.warn(fields, 'a plugin of Haraka says')
  else sink.log.error(fields, 'a plugin of Haraka says')
  sink.heard?.({
    level,
    data: `[${level}] [${uuid ?? '-'}] [${plugin}] ${text}`,
    obj: { level, uuid: uuid ?? '-', origin: plugin, message: text },
  })
}

/** As Haraka tells them. */
function isConnection(value: object): value is { readonly uuid: unknown } {
  return value.constructor?.name === 'Connection'
}

function pairsOf(value: object): string {
  try {
    return Object.entries(value)
      .map(([key, one]) => `${key}=${typeof one === 'object' ? JSON.stringify(one) : String(one)}`)
      .join(' ')
  } catch {
    // A getter that throws, or a circle.
    return 'a value that cannot be shown'
  }
}
