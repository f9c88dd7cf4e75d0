/** Connections for tests, as the plugin `redis` makes them. */
import type { Logger } from '@postroad/plugin'
import { options, type RedisOptions } from '../../plugins/redis/src/options.ts'

/** A log nobody reads. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Options with the plugin's own defaults. */
export function linkOptions(given: object): RedisOptions {
  return options.parse(given)
}
