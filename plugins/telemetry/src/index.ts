/** Metrics for Prometheus, and spans for OpenTelemetry. */
export { telemetry } from './telemetry.ts'
