/** Libraries and plugins of Haraka that print while they are loaded: a log of JSON on standard output is no place for that. */
import type { Logger } from '@postroad/plugin'

let loading = 0
let print = console.log

/** Loads something; what is printed by `console.log` meanwhile goes to the log. */
export async function quietly<T>(load: () => T | Promise<T>, log: Pick<Logger, 'debug'>): Promise<T> {
  // haraka-tld reads its lists later, and says so then.
  process.env['HARAKA_LOGS_SUPPRESS'] ??= 'true'
  if (loading++ === 0) {
    print = console.log
    console.log = (...words: readonly unknown[]) => log.debug({ said: words.map(String).join(' ') }, 'loading')
  }
  try {
    return await load()
  } finally {
    if (--loading === 0) console.log = print
  }
}
