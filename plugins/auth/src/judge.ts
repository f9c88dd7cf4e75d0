/** Who made an attempt, by the directory, Dovecot or the provider of tokens. */
import type { Directory } from '@postroad/directory'
import { checkStored, type HashPool, makeHash } from '@postroad/login'
import type { AuthAttempt, AuthContext } from '@postroad/plugin'
import { askDovecot, type DovecotQuestion } from './dovecot.ts'
import type { AuthOptions } from './options.ts'
import type { TokenJudge } from './token.ts'

/** Values of one user that are tried: app passwords. */
const PASSWORDS = 20
/** Of the hash that takes the time a real one would take, until one has been seen. */
const USUAL = { ln: 15, r: 8, p: 1 }

/** Who it is. */
export interface KnownUser {
  readonly name: string
  /** Patterns of further reverse-paths. */
  readonly from: readonly string[]
}

/** What judging stands on. */
export interface JudgeDeps {
  readonly options: AuthOptions
  readonly directory: Directory | undefined
  readonly hashes: HashPool
  readonly tokens: TokenJudge | undefined
  /** Of Dovecot, absolute. */
  readonly socket: string | undefined
}

/** How a name is looked up. */
export function userKey(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}

/** Judges attempts. Rejects when nobody could say whether one is right: that is neither an open door nor a wrong password. */
export class Judge {
  readonly #deps: JudgeDeps
  /** A hash as users have it: a name that does not exist takes as long as one that does. */
  #decoy: string | undefined

  constructor(deps: JudgeDeps) {
    this.#deps = deps
  }

  /** The user, if the attempt is right. */
  async judge({
    attempt,
    session,
    signal,
  }: Pick<AuthContext, 'attempt' | 'session' | 'signal'>): Promise<KnownUser | undefined> {
    // Acting for others, RFC 4616 §2, is nobody's right here.
    if (
      'authorize' in attempt &&
      attempt.authorize !== undefined &&
      userKey(attempt.authorize) !== userKey(attempt.username)
    )
      return undefined
    const { socket, options } = this.#deps
    if (socket !== undefined && isForDovecot(attempt, options)) {
      const within = AbortSignal.any([signal, AbortSignal.timeout(options.deadline)])
      const name = await askDovecot(socket, { attempt, session }, within)
      return name === undefined ? undefined : this.#known(name)
    }
    if ('token' in attempt) return this.#byToken(attempt, signal)
    return 'password' in attempt ? this.#byPassword(attempt, signal) : undefined
  }

  async #byToken(
    attempt: Extract<AuthAttempt, { token: string }>,
    signal: AbortSignal,
  ): Promise<KnownUser | undefined> {
    const name = await this.#deps.tokens?.(attempt.token, signal)
    // A token of somebody else's is not this user's.
    return name !== undefined && userKey(name) === userKey(attempt.username) ? this.#known(userKey(name)) : undefined
  }

  async #byPassword(
    { username, password }: Extract<AuthAttempt, { password: string }>,
    signal: AbortSignal,
  ): Promise<KnownUser | undefined> {
    const { directory, options } = this.#deps
    // RFC 4513 §5.1.2: an LDAP server takes a bind without a password for an anonymous one, and says yes.
    if (!directory || password === '') return undefined
    const key = userKey(username)
    const entry = await directory.find(key)
    if (directory.verify)
      return entry && (await directory.verify(entry, password, signal)) ? this.#userOf(key, entry) : undefined
    const stored = (entry?.fields.get(options.fields.password.toLowerCase()) ?? []).filter(Boolean).slice(0, PASSWORDS)
    if (!entry || stored.length === 0) {
      await this.#pretend(password, signal)
      return undefined
    }
    ;[this.#decoy] = stored
    for (const hash of stored)
      if (await checkStored(password, hash, (work) => this.#deps.hashes.hash(work, signal)))
        return this.#userOf(key, entry)
    return undefined
  }

  /** What the directory knows of a user whom another server has let in; undefined: nothing. Rejects when nobody could say. */
  async known(name: string): Promise<KnownUser | undefined> {
    return this.#deps.directory && this.#known(name)
  }

  /** Somebody else has judged: the directory, where there is one, must know the user. */
  async #known(name: string): Promise<KnownUser | undefined> {
    const { directory } = this.#deps
    if (!directory) return { name, from: [] }
    const key = userKey(name)
    const entry = await directory.find(key)
    return entry && this.#userOf(key, entry)
  }

  #userOf(key: string, { fields }: NonNullable<Awaited<ReturnType<Directory['find']>>>): KnownUser {
    const { user, senders } = this.#deps.options.fields
    const from = [senders].flat().flatMap((name) => fields.get(name.toLowerCase()) ?? [])
    return {
      name: fields.get(user.toLowerCase())?.[0] || key,
      from: from.flatMap((text) => text.split(/[\s,]+/)).filter((text) => text !== ''),
    }
  }

  async #pretend(password: string, signal: AbortSignal): Promise<void> {
    const hash = (work: Parameters<HashPool['hash']>[0]) => this.#deps.hashes.hash(work, signal)
    this.#decoy ??= await makeHash('nobody has this password', USUAL, hash)
    await checkStored(password, this.#decoy, hash)
  }
}

function isForDovecot(attempt: AuthAttempt, { dovecot }: AuthOptions): attempt is DovecotQuestion['attempt'] {
  if ('password' in attempt) return true
  if ('token' in attempt) return dovecot?.oauth === true
  return attempt.mechanism === 'SCRAM-SHA-256' && dovecot?.scram === true && attempt.relay !== undefined
}
