/** What is to be traced. */
import { glob, networks } from '@postroad/options'

/** As a person says it; everything is optional, and all that is said has to fit. */
export interface TraceQuery {
  /** Networks of the peer, `192.0.2.0/24`. */
  readonly ip?: readonly string[]
  /** Globs of the reverse-path: `*@example.com`. */
  readonly from?: string
  /** Globs of a recipient. */
  readonly to?: string
  /** Name of a listener: only connections to it. */
  readonly listener?: string
  /** Globs of the name or address of a next hop: only connections to those. */
  readonly out?: string
  /** Messages as they are, too. Passwords are never told. */
  readonly content?: boolean
}

/** Whether a connection is to be told of. */
export interface WantedTrace {
  connection(seen: {
    readonly side: 'server' | 'client'
    readonly listener?: string | undefined
    readonly host?: string | undefined
    readonly remote?: string | undefined
  }): boolean
  /** Absent: nobody asks for an envelope. */
  readonly from: ((address: string) => boolean) | undefined
  readonly to: ((address: string) => boolean) | undefined
}

/** @throws {TypeError} when a network is none */
export function wanted({ ip, from, to, listener, out }: TraceQuery): WantedTrace {
  const isIn = ip === undefined || ip.length === 0 ? undefined : networks(ip)
  const isOut = out === undefined ? undefined : glob(out)
  return {
    connection: ({ side, listener: name, host = '', remote = '' }) =>
      (listener === undefined || name === listener) &&
      (isOut === undefined || (side === 'client' && (isOut(host) || isOut(remote)))) &&
      (isIn === undefined || isIn(remote)),
    from: from === undefined ? undefined : glob(from),
    to: to === undefined ? undefined : glob(to),
  }
}

/** For an address of the control socket. */
export function queryText({ ip = [], from, to, listener, out, content }: TraceQuery): string {
  const search = new URLSearchParams()
  for (const network of ip) search.append('ip', network)
  for (const [name, value] of Object.entries({ from, to, listener, out }))
    if (value !== undefined) search.set(name, value)
  if (content) search.set('content', '1')
  return search.toString()
}

/** From such an address. */
export function queryOf(search: URLSearchParams): TraceQuery {
  const one = (name: string): Record<string, string> => {
    const value = search.get(name)
    return value === null ? {} : { [name]: value }
  }
  const ip = search.getAll('ip')
  return {
    ...one('from'),
    ...one('to'),
    ...one('listener'),
    ...one('out'),
    ...(ip.length > 0 && { ip }),
    ...(search.has('content') && { content: true }),
  }
}
