/** What an operator may say to `telemetry`. */
import { addressPattern, listOf } from '@postroad/options/zod'
import { z } from 'zod'

/** The options of {@link telemetry}. */
export const options = z.strictObject({
  prometheus: z
    .union([
      z.literal(false),
      z.strictObject({
        port: z
          .int()
          .min(0)
          .max(65_535)
          .default(9464)
          .describe('Where `/metrics` and `/healthz` are served, over HTTP'),
        host: z
          .string()
          .min(1)
          .default('127.0.0.1')
          .describe('Address it listens on. There is no password: only who may read the numbers should reach it'),
      }),
    ])
    .prefault({})
    .describe('Serves the numbers for Prometheus; `false`: does not'),
  senders: listOf(addressPattern)
    .prefault([])
    .describe(
      'Reverse-paths whose delivered mail is counted by their domain, beside the complaints about it: a series a domain, so name your own',
    ),
  traces: z
    .boolean()
    .default(false)
    .describe('Spans of sessions, transactions and runs of handlers, for the OpenTelemetry SDK of the process'),
})

/** Options, checked. */
export type TelemetryOptions = z.output<typeof options>
