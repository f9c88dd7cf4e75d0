/** The engine of Postroad: plugin host, sessions, stages, policy, scopes, generations. */
export { type App, type Config, defineConfig, type ListenOptions, type Thresholds, type UseOptions } from './config.ts'
export { BootError, ERRORS, type ErrorCode, type ErrorInfo, PostroadError } from './errors.ts'
export { type ExplainedHandler, type ExplainedScope, explainText } from './explain.ts'
export { DeliveryHooks } from './host/delivery-hooks.ts'
export type { DefaultService } from './host/generation.ts'
export type { Log, LogLevel, LogOptions } from './log/log.ts'
export type { HookRun } from './run/guard.ts'
export { type Address as ListeningAddress, createServer, type Server, type ServerOptions } from './server.ts'
