/** The options that plugins share which ask daemons about messages. */
import { duration, durationOf, sizeOf } from '@postroad/options/zod'
import { z } from 'zod'
import { type Daemon, parseDaemon } from './daemon.ts'

/** Defaults that are each daemon's own. */
interface ScannerDefaults {
  /** Of `at`. */
  readonly at: string
  /** Where `at` has none. */
  readonly port: number
  /** Of `deadline`: `20 s`. */
  readonly deadline: string
  /** Of `maxSize`: `50 MiB`. */
  readonly maxSize: string
  /** Of `atOnce`. */
  readonly atOnce: number
}

/** What a finding about a message is worth: points, a refusal, or to set it aside. */
export const scanAction = z.union([z.number(), z.enum(['reject', 'defer', 'disconnect', 'quarantine', 'none'])])

/**
 * Fields for a schema of options: `at`, `deadline`, `maxSize`, `unscanned`, `atOnce`, `failures`, `pause`.
 *
 * @example z.strictObject({ ...scannerOptions({ at: '127.0.0.1:3310', port: 3310, deadline: '30 s', maxSize: '25 MiB', atOnce: 10 }) })
 */
export function scannerOptions({ at, port, deadline, maxSize, atOnce }: ScannerDefaults) {
  const one = daemonText(port)
  return {
    at: z
      .union([one, z.array(one).min(1)])
      .prefault(at)
      .transform((value): readonly Daemon[] => [value].flat().map((text) => parseDaemon(text, port)))
      .describe(
        'Where it listens: `host:port`, `[::1]:port` or the path of a socket; several daemons share the work, and stand in for each other',
      ),
    deadline: durationOf({ min: 1, max: 600_000 })
      .prefault(deadline)
      .describe('How long a message may take, all daemons together; then the plugin has failed (`onError`)'),
    maxSize: sizeOf({ min: 1 }).prefault(maxSize).describe('What is larger is not scanned'),
    unscanned: scanAction
      .default('none')
      .describe(
        'What a message is worth that was not scanned, because it is too large for `maxSize` or for the daemon: points, `reject`, `defer`, `quarantine`; `none` lets it pass, and the fact says that it was not scanned',
      ),
    atOnce: z
      .int()
      .positive()
      .default(atOnce)
      .describe('Most messages that one daemon is asked about at the same time'),
    failures: z.int().positive().default(3).describe('Failures in a row after which a daemon is asked last'),
    pause: duration.prefault('10 s').describe('How long; then it is tried with one message'),
  }
}

/**
 * Where one daemon listens.
 *
 * @param port where none is written
 * @example daemonOf(11_334).prefault('127.0.0.1:11334')
 */
export function daemonOf(port: number) {
  return daemonText(port).transform((text): Daemon => parseDaemon(text, port))
}

function daemonText(port: number) {
  return z.string().refine((text) => isDaemon(text, port), {
    error: ({ input }) =>
      `${JSON.stringify(input)} is not where a daemon listens: "host:${port}", "[::1]:${port}" or the path of a socket`,
  })
}

function isDaemon(text: string, port: number): boolean {
  try {
    parseDaemon(text, port)
    return true
  } catch {
    return false // that is all it says
  }
}
