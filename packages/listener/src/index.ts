/**
 * What listeners of every kind share: where they listen, who may connect, and TLS. SMTP and LMTP (`@postroad/smtp`) and HTTP
 * (`@postroad/http`) are made of it.
 *
 * - `listener.ts`: what a listener is to the server it belongs to (opened, stopped, closed), and `Place`, its socket.
 * - `asked-listener.ts`: listeners whose connections stay open while nobody speaks: milter (`@postroad/milter-protocol`), policy (`@postroad/policy-service`).
 * - `unix-socket.ts`: UNIX sockets as files. A `SocketKeeper` does what takes rights: in a worker of fewer rights it is another process.
 * - `admission.ts`: how many connections there may be, in all and of one client.
 * - `tls.ts`: certificates by server name, and what a handshake came to. `certificate-files.ts` reads them, and looks whether they have
 *   changed: they do, every few weeks, and nobody restarts a mail server for it. `self-signed.ts` makes one, so that TLS can be tried at once.
 * - `endpoint.ts`: addresses of the two ends of a connection, in the one form everything else relies on.
 *
 * What is said on a connection is for each kind to know; nothing here does. To begin reading, take `listener.ts`.
 */
export { Admission, type Slot } from './admission.ts'
export { type AskedConnection, AskedListener, type AskedPace, LOOPBACK } from './asked-listener.ts'
export { type CertificateFiles, loadCertificates, watchCertificates } from './certificate-files.ts'
export { localOf, parseIp, plainAddress, remoteOf, UNKNOWN, UNKNOWN_ADDRESS } from './endpoint.ts'
export { ListenerError } from './errors.ts'
export { type Listener, type ListenerAddress, Place, type PlaceOptions, placeMistakes } from './listener.ts'
export { makeSelfSigned, type SelfSignedPlace, selfSignedFile, selfSignedPath } from './self-signed.ts'
export {
  type Certificate,
  certificatesOf,
  channelBindingOf,
  contextFor,
  giveUpAtEnd,
  HandshakeError,
  SERVER_TLS,
  secureContexts,
  tlsInfoOf,
} from './tls.ts'
export { groupId, mayGiveGroup, type SocketKeeper, type SocketRights, socketKeeper } from './unix-socket.ts'
