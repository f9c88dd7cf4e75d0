/** Routes that a plugin serves on the scope's listeners of kind `http`. */
import type { Endpoint } from '@postroad/mail'
import type { BaseContext } from './context.ts'

/** What a caller may. `operate` may also read, `admin` may everything; `send` may inject mail, and nothing else. */
export type HttpRole = 'read' | 'operate' | 'admin' | 'send'

/** Who asks: the name of a token, or of the UNIX socket. */
export interface HttpCaller {
  readonly name: string
  readonly roles: readonly HttpRole[]
}

/**
 * One request. `signal` is aborted when the client is gone or the time of the route is up; that of a stream of events (`text/event-stream`) also when
 * the listener closes, or the configuration or the tokens change: its reader comes again.
 */
export interface HttpContext extends BaseContext {
  /** Its body may be read once; more octets than the route's `bodyLimit` reject, and are answered 413. */
  readonly request: Request
  /**
   * The whole body, in one piece: in place of reading that of `request`, and cheaper. Rejects when it has more octets than `bodyLimit`, or the client is
   * gone before its end; what a handler then throws is answered for it.
   */
  body(): Promise<Buffer>
  readonly url: URL
  /** What stands for the `:names` of the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  /** Undefined on a route that is public, when no token was sent. */
  readonly caller: HttpCaller | undefined
  readonly remote: Endpoint
  /** Name of the listener. */
  readonly listener: string
}

/** Who asks, by something else than a token: a cookie, for one. `undefined`: nobody that it knows. Asked only of requests with a cookie. */
export type HttpIdentify = (
  asked: Pick<HttpContext, 'request' | 'remote' | 'listener'> & {
    now(): number
    /** The caller that a token of this name is, as long as it is good for anything. */
    tokenOf(name: string): HttpCaller | undefined
  },
) => HttpCaller | undefined | Promise<HttpCaller | undefined>

/** An answer in one piece. It costs less than a `Response`: for routes that programs ask a thousand times a second. */
export interface HttpReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** A method and a path, and what answers there. */
export interface HttpRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/v1/messages/:id`; `/assets/*` for all below. */
  readonly path: string
  /**
   * Who may ask. `public`: everybody, from everywhere. `login` is for pages on which one says who one is: everybody, but only where more than public
   * routes are served. `link` is for links that strangers have in their mail: everybody, but only on a listener with `routes: 'links'`, which serves
   * nothing else.
   */
  readonly access: 'public' | 'login' | 'link' | HttpRole
  /** One line for `explain` and descriptions of the interface. */
  readonly summary: string
  /** Octets of the request's body. Default 65,536. */
  readonly bodyLimit?: number
  /** Milliseconds until there must be an answer; what it streams may take longer. Default 30,000. */
  readonly timeout?: number
  /** What it throws is answered 500, and logged; the text is not shown. */
  readonly handler: (context: HttpContext) => Response | HttpReply | Promise<Response | HttpReply>
}
