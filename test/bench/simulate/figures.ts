/** What is measured, and what the simulation is given. */

/** One measurement. */
export interface Row {
  readonly kind: 'redis' | 'embedded'
  readonly processes: number
  readonly step: 'take' | 'take and deliver'
  readonly perSecond: number
  /** Milliseconds of CPU a message, of our processes. */
  readonly cpuMs: number
  /** Milliseconds of CPU a message, of Redis. */
  readonly redisCpuMs?: number
  /** Octets of Redis's memory a message in the queue. */
  readonly memoryOctets?: number
}

/** All of one run. */
export interface Figures {
  /** Size of the messages. */
  readonly octets: number
  readonly cores: number
  readonly rows: readonly Row[]
}
