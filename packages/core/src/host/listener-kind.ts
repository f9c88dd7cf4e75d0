/** What the server asks of every kind of listener. All else is alike for all: errors when it is opened, reload, `--user`, workers, closing. */
import type { HttpSite } from '@postroad/http'
import type { CertificateFiles, Listener, PlaceOptions, SelfSignedPlace, SocketKeeper } from '@postroad/listener'
import type { HttpRoute, SessionRole } from '@postroad/plugin'
import type { AttachJudging, Offer } from '@postroad/smtp'
import type { AnyListen, ListenProtocol } from '../config/listen.ts'

/** What is behind a listener in one generation: the scope, as its sessions or its requests meet it. */
export interface Behind {
  readonly attach: AttachJudging
  readonly site: HttpSite
  /** Told of what was thrown where nobody else can know; options may name another. */
  onError(error: unknown): void
}

/** Options of any kind, with the name and the host name that they may leave out, and without files. */
export type Named<Settings extends AnyListen> = Omit<Settings, 'certificateFiles' | 'selfSigned'> & {
  readonly name: string
  readonly hostname: string
}

/** What is known when the options of a listener are looked at. */
export interface KindContext {
  /** Relative paths in options start here. */
  readonly base: string
  /** Of the server: what is kept. */
  readonly folder: string
  /** A certificate could not be read, and that was said: what it would have been good for is no mistake of its own. */
  readonly isUnread: boolean
  /** Whether somebody of the scope says who a client is. */
  readonly hasAuth: boolean
  readonly routes: HttpSite['routes']
  /** The hooks of a session in which another server takes responsibility, that somebody answers or hears. */
  readonly hooks: ReadonlySet<string>
  /** Points alone may mark a message. */
  readonly tags: boolean
  mistake(code: 'ERR_LISTEN' | 'ERR_NO_AUTH', message: string): void
}

/** A route, as shown. */
export interface ExplainedRoute extends Pick<HttpRoute, 'method' | 'path' | 'access' | 'summary'> {
  readonly plugin: string
}

/** What is shown of a listener beside name, place and protocol. */
export interface ExplainedKind {
  readonly tls: string
  /** Where clients of mail may say who they are. */
  readonly auth?: string
  /** Of kind `http`: what it serves. */
  readonly routes?: readonly ExplainedRoute[]
  /** Of kind `http`: where its tokens are kept, absolute. */
  readonly tokenFile?: string
  /** Of kind `milter`: how it asks to be asked, and what it may do. */
  readonly asked?: {
    readonly steps: readonly string[]
    readonly actions: readonly string[]
    readonly macros: readonly string[]
  }
  /** For the configuration of a server that asks here: a file of it, and a line to copy into it. */
  readonly copy?: readonly { readonly file: string; readonly line: string }[]
  /** Said in brackets behind its place. */
  readonly notes: readonly string[]
}

/** The options of one listener, read by its kind. */
export interface ListenerPlan {
  /** TLS from the first octet: an open socket cannot change that. */
  readonly isSecure: boolean
  explain(): ExplainedKind
  /** What would surprise an operator. */
  readonly warnings: readonly string[]
  /** EHLO keywords; absent where there is no EHLO. */
  keywords?(offer: Offer): { readonly clear: readonly string[]; readonly secure: readonly string[] }
  /** Makes the listener; it does nothing before its `listen`. */
  open(behind: Behind, keeper: SocketKeeper | undefined): Listener
  /** Tells one anew that `open` of the same kind has made. @throws {ListenerError} when options contradict each other; nothing has changed then */
  update(listener: Listener, behind: Behind): void
  /** Looks after what such a listener reads from files beside certificates. */
  watch?(listener: Listener, report: WatchReport): { close(): void }
}

/** Told of what a watch sees. */
export interface WatchReport {
  changed(text: string): void
  failed(error: unknown, text: string): void
}

/** A kind of listener. */
export interface ListenerKind<Settings extends AnyListen> {
  /** An open socket keeps its kind as long as it is open. */
  readonly name: 'mail' | 'http' | 'policy' | 'milter'
  /** Of its sessions; undefined: it has none, and no hook is called for it. */
  readonly role: SessionRole | undefined
  /** Reads the options; what is wrong with them is reported. */
  plan(options: Named<Settings>, context: KindContext): Promise<ListenerPlan>
}

/** A listener that is to be opened. */
export interface Listening extends ListenerPlan {
  readonly kind: ListenerKind<AnyListen>['name']
  readonly role: SessionRole | undefined
  readonly protocol: ListenProtocol
  readonly name: string
  /** Where: `host:port` or a path. */
  readonly place: string
  readonly socket: PlaceOptions
  /** Absolute; watched while it listens. */
  readonly files: readonly CertificateFiles[]
  /** The certificate is the server's own making: it is made anew before its end. */
  readonly renews?: SelfSignedPlace
}
