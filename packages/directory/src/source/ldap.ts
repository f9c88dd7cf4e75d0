/** LDAP and Active Directory: a search, perhaps of the members of a group, and the bind by which a password is checked. */
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { errorOf } from '@postroad/plugin'
import type { Client, Entry as LdapEntry } from 'ldapts'
import { ConnectionLine } from '../connection-line.ts'
import { type DirectoryEntry, entryOf, keyOf, textsOf } from '../entry.ts'
import type { LdapFrom } from '../from.ts'
import type { DirectorySource, SourceDeps } from '../source.ts'
import { filled } from '../template.ts'
import { type TlsSettings, tlsOf } from '../tls.ts'

/** Groups in groups, so deep. */
const DEPTH = 5
/** Members of a group, with those of groups in it. */
const MEMBERS = 1_000
/** RFC 4511 §A.2: invalidCredentials. */
const INVALID_CREDENTIALS = 49
/**
 * What servers answer to a bind as an entry that there is and that may not log in now, RFC 4511 §A.2: constraintViolation (389: too many wrong passwords),
 * inappropriateAuthentication (OpenLDAP: it has no password), unwillingToPerform (389, eDirectory: switched off, locked).
 */
const NOT_NOW: ReadonlySet<number> = new Set([19, 48, 53])
/** Active Directory says in the text of invalidCredentials what is wrong besides the password (52e) and the name (525). */
const AD_REASONS: Readonly<Record<string, string>> = {
  530: 'not permitted at this time',
  531: 'not permitted from here',
  532: 'password expired',
  533: 'account disabled',
  701: 'account expired',
  773: 'password must be changed first',
  775: 'account locked',
}
/** RFC 4511 §4.1.9: noSuchObject. A member that is gone is no member. */
const NO_SUCH_OBJECT = 32

/** RFC 4515 §3: what would be a part of the filter is written as its octets. */
export function escapeFilter(text: string): string {
  return text.replaceAll(/[\\*()\x00]/g, (octet) => `\\${octet.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** @throws {Error} when the filter is none, or ldapts is not there */
export async function openLdap(options: LdapFrom, deps: SourceDeps): Promise<DirectorySource> {
  const { FilterParser } = await import('ldapts')
  if (options.startTls && !options.url.startsWith('ldap://'))
    throw new TypeError('ldap: "startTls" is for "ldap://": an "ldaps://" is secure from the beginning')
  try {
    FilterParser.parseString(filled(options.filter, keyOf('x@x'), escapeFilter))
  } catch (cause) {
    throw new TypeError(`ldap: "filter" is no filter: ${options.filter} (RFC 4515: every condition in parentheses)`, {
      cause,
    })
  }
  return new LdapSource(options, deps, await tlsOf(options.tls, deps))
}

class LdapSource implements DirectorySource {
  readonly name: string
  readonly #options: LdapFrom
  readonly #deps: SourceDeps
  readonly #tls: TlsSettings
  /** Of searches; several of them share one. */
  readonly #sessions: (Promise<Client> | undefined)[]
  readonly #binds: ConnectionLine
  #turn = 0

  constructor(options: LdapFrom, deps: SourceDeps, tls: TlsSettings) {
    this.name = options.url
    this.#options = options
    this.#deps = deps
    this.#tls = tls
    this.#sessions = new Array(deps.connections).fill(undefined)
    this.#binds = new ConnectionLine(deps.connections)
  }

  async find(key: ReturnType<typeof keyOf>): Promise<DirectoryEntry | undefined> {
    const { base, scope, filter, attributes, members, dereference } = this.#options
    const client = await this.#session()
    const { searchEntries } = await client.search(base, {
      scope,
      derefAliases: dereference,
      filter: filled(filter, key, escapeFilter),
      attributes: [...attributes, ...(members ? [members.of] : [])],
    })
    return searchEntries.length === 0 ? undefined : this.#entry(client, searchEntries)
  }

  async *list(ask: string, signal: AbortSignal): AsyncIterable<readonly [string, DirectoryEntry]> {
    const { base, scope, filter, attributes, dereference, pageSize } = this.#options
    const client = await this.#open()
    const stop = (): void => void client.unbind().catch(() => undefined) // it is closed, whatever comes of it
    signal.addEventListener('abort', stop)
    try {
      const [first = 'mail'] = attributes
      const pages = client.searchPaginated(base, {
        scope,
        derefAliases: dereference,
        filter: ask === '' ? filled(filter, keyOf('*'), () => '*') : ask,
        attributes: [...attributes],
        paged: { pageSize },
      })
      for await (const { searchEntries } of pages)
        for (const one of searchEntries) {
          signal.throwIfAborted()
          // Each of its attributes is a key: an address, and those it has besides.
          const entry = entryOf(attributes.map((name) => [name, valuesOf(one, name)]))
          for (const key of new Set(attributes.flatMap((name) => valuesOf(one, name))))
            if (key.includes('@') || valuesOf(one, first).includes(key)) yield [key, entry]
        }
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
    }
  }

  /** RFC 4513 §5.1.2: a bind without a password succeeds, and proves nothing. */
  verify(entry: DirectoryEntry, password: string, signal: AbortSignal): Promise<boolean> {
    const [dn, ...others] = entry.fields.get('dn') ?? []
    if (dn === undefined || dn === '' || others.length > 0)
      return Promise.reject(new Error(others.length > 0 ? 'several entries have this name' : 'the entry has no DN'))
    if (password === '') return Promise.resolve(false)
    return this.#binds.run(() => this.#bind(dn, password, signal), signal)
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session?.then((client) => client.unbind()).catch(() => undefined) // gone already
  }

  async #bind(dn: string, password: string, signal: AbortSignal): Promise<boolean> {
    const client = await this.#connect()
    const stop = (): void => void client.unbind().catch(() => undefined)
    signal.addEventListener('abort', stop)
    try {
      await client.bind(dn, password)
      return true
    } catch (error) {
      const code = codeOf(error)
      // The name is gone since it was found.
      if (code === NO_SUCH_OBJECT) return false
      if (code !== INVALID_CREDENTIALS && !(code !== undefined && NOT_NOW.has(code))) throw error
      const reason = reasonIn(error)
      // Who has the right password wonders; only the log says why.
      if (reason !== undefined || code !== INVALID_CREDENTIALS)
        this.#deps.log.warn({ source: this.name, dn, code, reason: reason ?? errorOf(error).message.trim() }, 'an account may not log in') // biome-ignore format: short
      return false
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
    }
  }

  async #entry(client: Client, found: readonly LdapEntry[]): Promise<DirectoryEntry> {
    const { attributes, members } = this.#options
    const [first = '', ...rest] = attributes
    const own = found.flatMap((one) => valuesOf(one, first))
    const dns = members ? found.flatMap((one) => valuesOf(one, members.of)) : []
    const values = members && dns.length > 0 ? await this.#membersOf(client, dns, members) : own
    return entryOf([
      [first, values],
      ...rest.map((name) => [name, found.flatMap((one) => valuesOf(one, name))] as const),
      ['dn', found.map(({ dn }) => dn)],
    ])
  }

  async #membersOf(
    client: Client,
    dns: readonly string[],
    { of, value }: NonNullable<LdapFrom['members']>,
  ): Promise<readonly string[]> {
    const seen = new Set<string>()
    const values = new Set<string>()
    let level = dns
    for (let depth = 0; depth < DEPTH && level.length > 0; depth++) {
      const next: string[] = []
      for (const dn of level) {
        if (seen.has(dn)) continue
        if (seen.add(dn).size > MEMBERS) throw new Error(`a group has more than ${MEMBERS} members`)
        const [member] = await client
          .search(dn, { scope: 'base', filter: '(objectClass=*)', attributes: [of, value] })
          .then(({ searchEntries }) => searchEntries, absent)
        if (!member) continue
        const below = valuesOf(member, of)
        if (below.length > 0) next.push(...below)
        else for (const one of valuesOf(member, value)) values.add(one)
      }
      level = next
    }
    return [...values]
  }

  /** A session that is there, or a new one in its place. */
  async #session(): Promise<Client> {
    const at = this.#turn++ % this.#sessions.length
    const known = this.#sessions[at]
    if (known) {
      const client = await known.catch(() => undefined) // a new one is tried
      if (client?.isConnected) return client
      if (this.#sessions[at] !== known) return this.#sessions[at] ?? this.#session()
    }
    const session = this.#open()
    this.#sessions[at] = session
    session.catch(() => {
      if (this.#sessions[at] === session) this.#sessions[at] = undefined
    })
    return session
  }

  async #open(): Promise<Client> {
    const client = await this.#connect()
    const { bind } = this.#options
    try {
      // Anonymous or not: the bind also opens the connection.
      await client.bind(bind?.dn ?? '', bind?.password ?? '')
      return client
    } catch (error) {
      await client.unbind().catch(() => undefined) // what failed before is what matters
      throw error
    }
  }

  async #connect(): Promise<Client> {
    const { Client } = await import('ldapts')
    const { url, startTls } = this.#options
    const { deadline } = this.#deps
    const once = new Once()
    const path = url.startsWith('ldapi://') ? decodeURIComponent(url.slice(8)) : undefined
    const client = new Client({
      url: path === undefined ? url : 'ldap://localhost',
      timeout: deadline,
      connectTimeout: deadline,
      ...(url.startsWith('ldaps://') && { tlsOptions: this.#tls }),
      // By itself ldapts connects again when a connection has ended: without StartTLS, and as nobody.
      createConnection: ((...args: Parameters<typeof connectTcp>) => {
        once.pass('connection')
        return path === undefined ? connectTcp(...args) : connectTcp({ path })
      }) as typeof connectTcp,
      createSecureConnection: ((...args: Parameters<typeof connectTls>) => {
        once.pass('TLS')
        return connectTls(...args)
      }) as typeof connectTls,
      strictDN: false,
    })
    if (startTls) {
      const host = new URL(url).hostname
      await client.startTLS({ ...this.#tls, ...(this.#tls.servername === undefined && { servername: host, host }) })
    }
    return client
  }
}

/** Lets each thing happen once. */
class Once {
  readonly #passed = new Set<string>()

  pass(what: string): void {
    if (this.#passed.has(what)) throw new Error('the connection has ended')
    this.#passed.add(what)
  }
}

/** What Active Directory says of the account; undefined: only that it was wrong. */
function reasonIn(error: unknown): string | undefined {
  const [, data = ''] = /\bdata ([0-9a-f]{3,4})\b/.exec(errorOf(error).message) ?? []
  return AD_REASONS[data]
}

function absent(error: unknown): [] {
  if (codeOf(error) === NO_SUCH_OBJECT) return []
  throw error
}

function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

/** Active Directory: `SMTP:` is the main address, `smtp:` another one; `x500:` and the like are none. */
function valuesOf(entry: LdapEntry, name: string): readonly string[] {
  const lower = name.toLowerCase()
  const at = Object.keys(entry).find((own) => own.toLowerCase() === lower)
  const values = at === undefined ? [] : textsOf(entry[at])
  if (lower !== 'proxyaddresses') return values
  return values.flatMap((value) => /^smtp:(.+)$/i.exec(value)?.[1] ?? [])
}
