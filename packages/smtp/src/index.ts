/** The wire: SMTP, LMTP and submission listeners, built on the npm package smtp-server. Bytes and replies; knows no plugin. */
export { type CertificateFiles, loadCertificates, type WatchOptions, watchCertificates } from './certificate-files.ts'
export type { Endpoint } from './endpoint.ts'
export { DEFAULT_LIMITS, type Limits } from './limits.ts'
export { createListener, type Listener, type ListenerAddress } from './listener.ts'
export { type GreetingOptions, ListenerError, type ListenerOptions } from './listener-options.ts'
export * from './stages.ts'
export type { StressOptions } from './stress.ts'
export type { Certificate } from './tls.ts'
