/** What one use of `haraka` is made of. */
import type { Dns } from '@postroad/plugin'
import type { Chains, HarakaPlugin } from './harness.ts'
import type { HarakaLogger, LogSink } from './logger.ts'
import type { HarakaOptions } from './options.ts'
import type { HarakaServer } from './server.ts'

/** Its plugins, its options, and what it needs of the server. */
export interface UseParts {
  readonly name: string
  readonly options: HarakaOptions
  readonly plugins: readonly HarakaPlugin[]
  readonly chains: Chains
  readonly server: HarakaServer
  readonly logger: HarakaLogger
  readonly hostname: string
  readonly dns: Dns
  readonly shadow: boolean
  readonly heard: LogSink['heard']
}
