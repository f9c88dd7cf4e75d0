/** The option `from` when it has been read: which provider, and how it is asked. Written by `fromOption` of `@postroad/directory/zod`. */

import type { Daemon } from '@postroad/upstream'

/** Files of certificates for TLS. */
export interface TlsFiles {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly servername?: string | undefined
}

/** A file. */
export interface FileFrom {
  readonly path: string
  readonly format: 'lines' | 'patterns' | 'cdb'
}

/** SQL: the scheme of the URL says which. */
export interface SqlFrom {
  readonly url: string
  readonly password?: string | undefined
  readonly socket?: string | undefined
  readonly query: string
  readonly tls?: TlsFiles | undefined
}

/** LDAP. */
export interface LdapFrom {
  readonly url: string
  readonly startTls: boolean
  readonly tls?: TlsFiles | undefined
  readonly bind?: { readonly dn: string; readonly password: string } | undefined
  readonly base: string
  readonly scope: 'sub' | 'one' | 'base'
  readonly filter: string
  readonly attributes: readonly string[]
  readonly dereference: 'never' | 'always'
  readonly members?: { readonly of: string; readonly value: string } | undefined
  readonly pageSize: number
}

/** Redis. */
export interface RedisFrom {
  readonly url: string
  readonly password?: string | undefined
  readonly key: string
  readonly type: 'string' | 'hash' | 'set'
  readonly tls?: TlsFiles | undefined
}

/** An HTTP service. */
export interface HttpFrom {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Dovecot. */
export interface DovecotFrom {
  readonly socket: string
  readonly ask: 'userdb' | 'dict'
  readonly dict: string
  readonly key: string
}

/** Postfix's socketmap. */
export interface SocketmapFrom {
  readonly at: Daemon
  readonly map: string
}

/** Reading all of it now and then. */
export interface ListFrom {
  readonly ask?: string | undefined
  /** Milliseconds. */
  readonly every: number
  /** Milliseconds. */
  readonly keep: number
  /** Part of the last list that may be gone from the next: 0 to 1. */
  readonly shrink: number
}

/** One directory. */
export interface From {
  readonly file?: FileFrom | undefined
  readonly sql?: SqlFrom | undefined
  readonly ldap?: LdapFrom | undefined
  readonly redis?: RedisFrom | undefined
  readonly http?: HttpFrom | undefined
  readonly dovecot?: DovecotFrom | undefined
  readonly socketmap?: SocketmapFrom | undefined
  readonly name?: string | undefined
  /** Milliseconds for one question. */
  readonly deadline: number
  readonly connections: number
  /** Milliseconds, and a number of keys. */
  readonly cache: {
    readonly found: number
    readonly unknown: number
    readonly stale: number
    readonly size: number
  }
  readonly list?: ListFrom | undefined
  readonly onError: 'defer' | 'pass'
}
