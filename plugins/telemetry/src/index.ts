/** Metrics for Prometheus, and spans for OpenTelemetry. */
export { options, type TelemetryOptions } from './options.ts'
export { telemetry } from './telemetry.ts'
