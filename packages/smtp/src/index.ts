/** The wire: SMTP, LMTP and submission listeners, built on the npm package smtp-server. Bytes and replies; knows no plugin. */

export { DEFAULT_LIMITS, type Limits } from './config/limits.ts'
export { listenerMistakes } from './config/listener-check.ts'
export { type GreetingOptions, ListenerError, type ListenerOptions } from './config/listener-options.ts'
export { createListener, type Listener, type ListenerAddress } from './listener/listener.ts'
export type { StressOptions } from './listener/stress.ts'
export { groupId, mayGiveGroup, type SocketKeeper, type SocketRights, socketKeeper } from './listener/unix-socket.ts'
export * from './stages.ts'
export { type CertificateFiles, loadCertificates, type WatchOptions, watchCertificates } from './tls/certificate-files.ts'
export { type Certificate, HandshakeError } from './tls/tls.ts'
export type { Endpoint } from './wire/endpoint.ts'
