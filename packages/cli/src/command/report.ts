/** What a process says that has no server, and so no log of one: on standard error, in the form of the log. */
import { createLog, type LogLevel, type LogOptions } from '@postroad/core'

/** Says one thing. */
export type Reporter = (level: LogLevel, text: string, fields?: Readonly<Record<string, unknown>>) => void

/** @param format of the log, as the command line has it */
export function report(format: LogOptions['format']): Reporter {
  if (format !== 'json') return (_level, text) => void process.stderr.write(`${text}\n`)
  return (level, text, fields = {}) => {
    const log = createLog({ format, level: 'debug', write: (lines) => void process.stderr.write(lines) })
    log[level](fields, text)
    log.flush()
  }
}
