/**
 * The engine of Postroad: it turns an SMTP session into calls of hooks, runs the handlers of plugins, and makes one reply of what they say.
 *
 * The wire (`@postroad/smtp`) speaks the protocol and knows no plugin; for each connection it asks for its other side, which is here. A
 * server is made in four steps, each a folder:
 *
 * - `config`: an operator's `setup` fills scopes with plugins and listeners. Nothing of it is believed yet.
 * - `host`: plugins are set up in the order of their needs, services found, listeners checked. All that one configuration makes is a
 *   generation; a reload makes the next one, and sessions stay in the one that they began in.
 * - `plan`: the handlers that a scope sees become a table, by hook. Those that depend on none of each other are a wave and run at the same time.
 * - `listen`: from now on each connection is a session (`session`) in the scope of its listener.
 *
 * What a client says comes to `stages/session.ts`, which hands it to one file a stage (`stages/mail.ts`, `stages/rcpt.ts` …). A stage calls
 * a hook (`run/call.ts`): *ask* for opinions, of which the most severe wins, *first* for an answer, *fold* for a message, *tell* what
 * happened. Every handler runs under one guard (`run/guard.ts`), out of which nothing comes but a checked answer or a failure, which is worth
 * what the operator says. Points are summed and held against thresholds (`policy`). A recipient is accepted because it has a route, a message
 * because somebody gave a receipt for it: whoever has neither is refused, so nothing is lost and nothing relayed by forgetting something.
 *
 * Folders are layers, log < config < policy < plan < session < run < stages < host: each imports only what stands before it. Begin with
 * `stages/rcpt.ts`, then `run/ask.ts` and `run/guard.ts`; `server.ts` is what a program calls.
 */
export { type App, type Config, defineConfig, type UseOptions } from './config/config.ts'
export { judgeConfig, judgeData } from './config/judge.ts'
export type { ListenOptions } from './config/listen.ts'
export { BootError, ERRORS, PostroadError } from './errors.ts'
export { type ExplainedHandler, type ExplainedScope, explainText } from './host/explain.ts'
export type { Finding } from './host/inspect.ts'
export { guardProcess } from './host/process-guard.ts'
export { createLog, type Log, type LogLevel, type LogOptions } from './log/log.ts'
export { installCommand } from './missing-package.ts'
export type { HookRun } from './run/guard.ts'
export { createServer, type Server, type ServerOptions } from './server.ts'
