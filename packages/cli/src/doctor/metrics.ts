/** Findings as numbers, in the text format of Prometheus, for who runs the checks again and again. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { CHECKS, countStates, type Diagnosis } from '@postroad/doctor'

/** One round. */
export interface Round {
  readonly found: readonly Diagnosis[]
  /** Milliseconds since the epoch. */
  readonly endedAt: number
  readonly ms: number
}

const STATES = ['ok', 'remark', 'fault'] as const

/** Labels are names of checks: what others publish does not become one. */
export function metricsText({ found, endedAt, ms }: Round): string {
  const names = new Set([...CHECKS.map(({ name }) => name), ...found.map(({ check }) => check)])
  const { fault, remark } = countStates(found)
  const lines = [
    '# HELP postroad_doctor_findings Findings of postroad doctor, by check and state',
    '# TYPE postroad_doctor_findings gauge',
    ...[...names].flatMap((name) => {
      const counts = countStates(found.filter(({ check }) => check === name))
      return STATES.map((state) => `postroad_doctor_findings{check="${name}",state="${state}"} ${counts[state]}`)
    }),
    '# HELP postroad_doctor_faults Faults that the last round has found',
    '# TYPE postroad_doctor_faults gauge',
    `postroad_doctor_faults ${fault}`,
    '# HELP postroad_doctor_remarks Remarks of the last round',
    '# TYPE postroad_doctor_remarks gauge',
    `postroad_doctor_remarks ${remark}`,
    '# HELP postroad_doctor_last_run_timestamp_seconds When the last round ended',
    '# TYPE postroad_doctor_last_run_timestamp_seconds gauge',
    `postroad_doctor_last_run_timestamp_seconds ${endedAt / 1000}`,
    '# HELP postroad_doctor_run_seconds How long the last round took',
    '# TYPE postroad_doctor_run_seconds gauge',
    `postroad_doctor_run_seconds ${ms / 1000}`,
  ]
  return `${lines.join('\n')}\n`
}

/** Connections at once: a scrape needs one. */
const CONNECTIONS = 32

/** Serves `/metrics` of the last round; before the first, 503. @throws what `listen` says */
export async function serveMetrics(
  { host, port }: { readonly host: string; readonly port: number },
  last: () => Round | undefined,
): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer(({ method, url = '' }, response) => {
    if (method !== 'GET' && method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
    if (url.split('?')[0] !== '/metrics') return void response.writeHead(404).end()
    const round = last()
    if (round === undefined) return void response.writeHead(503, { 'retry-after': '10' }).end()
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(metricsText(round))
  })
  server.maxConnections = CONNECTIONS
  server.listen({ host, port })
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? port) : port,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
