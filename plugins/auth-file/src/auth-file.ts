/** Users whose passwords, keys and certificates are in a file; for a submission server without a directory. */
import { createHmac, randomBytes } from 'node:crypto'
import {
  checkPassword,
  Guard,
  HashesBusy,
  HashPool,
  hasArgon2,
  hashLimitsOf,
  makeHash,
  ownAddresses,
} from '@postroad/login'
import { type AddressTable, watchFile } from '@postroad/options'
import {
  type AuthAttempt,
  type AuthContext,
  Clock,
  defer,
  definePlugin,
  type Identity,
  Limiter,
  Lock,
  type MailContext,
  type Mechanism,
  type Refusal,
  reject,
  type ScramKeys,
  Store,
} from '@postroad/plugin'
import { userCommands } from './command.ts'
import { type AuthFileOptions, costOf, options } from './options.ts'
import { parseUsers, type User, type Users, userKey } from './users.ts'

const WRONG = reject('Authentication credentials invalid', { status: '5.7.8' })
// RFC 4954 §6
const LATER = defer('Too many failed attempts, try again later', { status: '4.7.0', code: 454 })
const BUSY = defer('Too many logins at once, try again later', { status: '4.7.0', code: 454 })
/** Milliseconds between two lines of the log about one flood. */
const SAY_AGAIN = 60_000
const NOT_YOURS = reject('Sender address not owned by authenticated user', { status: '5.7.1', code: 553 })

/**
 * AUTH by a file of users, RFC 4954: PLAIN, LOGIN and SCRAM-SHA-256, and by option CRAM-MD5, EXTERNAL, XOAUTH2 and OAUTHBEARER.
 * Users may send from their own addresses only.
 *
 * @example out.use(authFile({ path: '/etc/postroad/users' }))
 */
export const authFile = definePlugin({
  name: 'auth-file',
  options,
  needs: { limiter: Limiter, store: Store, clock: Clock, lock: Lock },
  async setup({ options, limiter, store, clock, lock, log, resolve }) {
    if (options.hash === 'argon2id' && !hasArgon2()) throw new TypeError('auth-file: "hash": "argon2id" needs Node 24')
    const path = resolve(options.path)
    const file = await watchFile({
      path,
      parse: parseUsers,
      absent: '',
      onError: (error) => log.error({ file: path, error }, 'the file of users cannot be read, the former users stay'),
    })
    const guard = new Guard({ limiter, store, prefix: 'auth-file', failures: options.failures, clock })
    const hashes = new HashPool(hashLimitsOf(options.checks))
    const judge = new Judge({ options, hashes, users: () => file.value })
    let saidAt = Number.NEGATIVE_INFINITY
    const sayBusy = (): void => {
      if (clock.now() - saidAt < SAY_AGAIN) return
      saidAt = clock.now()
      log.warn({ ...hashes.counts }, 'more logins at once than passwords can be checked, some are deferred')
    }
    const own = addressesOf(options)
    return {
      auth: {
        mechanisms: mechanismsOf(options),
        timeout: 30_000,
        async handler({ attempt, session, signal }: AuthContext): Promise<Identity | Refusal> {
          const about = {
            address: session.remote.address,
            user: userKey(attempt.username),
            ...('password' in attempt && { password: attempt.password }),
            exists: () => file.value.has(userKey(attempt.username)),
          }
          const user = await guard.judge(about, signal, () => judge.judge(attempt, signal)).catch(unlessBusy)
          if (user === 'busy') sayBusy()
          if (user === 'busy') return BUSY
          if (user === 'later') return LATER
          if (user) return { name: user.name }
          await clock.sleep(options.delay, signal)
          return WRONG
        },
      },
      ...(options.senders === 'own' && {
        mail({ session, envelope }: MailContext) {
          if (!session.identity || !envelope.from) return
          const user = file.value.get(userKey(session.identity.name))
          // Somebody else's user is not ours to restrict.
          if (user && !own(user).find(envelope.from)) return NOT_YOURS
        },
      }),
      commands: userCommands({ options, path, lock, guard, users: () => file.value, changed: () => file.refresh() }),
      async close() {
        file.close()
        await hashes.close()
      },
    }
  },
})

function unlessBusy(error: unknown): 'busy' {
  if (error instanceof HashesBusy) return 'busy'
  throw error
}

function mechanismsOf({ plain, certificates, verifyToken }: AuthFileOptions): readonly Mechanism[] {
  return [
    'SCRAM-SHA-256',
    'PLAIN',
    'LOGIN',
    ...(plain ? (['CRAM-MD5'] as const) : []),
    ...(certificates ? (['EXTERNAL'] as const) : []),
    ...(verifyToken ? (['OAUTHBEARER', 'XOAUTH2'] as const) : []),
  ]
}

/** The addresses of each user, made once for each version of the file. */
function addressesOf({ domains }: AuthFileOptions): (user: User) => AddressTable<boolean> {
  const made = new WeakMap<User, AddressTable<boolean>>()
  return (user) => {
    let table = made.get(user)
    if (!table) {
      table = ownAddresses(user, domains)
      made.set(user, table)
    }
    return table
  }
}

interface JudgeDeps {
  readonly options: AuthFileOptions
  readonly hashes: HashPool
  users(): Users
}

class Judge {
  readonly #deps: JudgeDeps
  /** Of a password nobody has: a name that does not exist takes as long as one that does. */
  #decoy: Promise<string> | undefined
  readonly #secret = randomBytes(32)

  constructor(deps: JudgeDeps) {
    this.#deps = deps
  }

  /** The user who made the attempt, if it is right. */
  async judge(attempt: AuthAttempt, signal: AbortSignal): Promise<User | undefined> {
    const user = this.#deps.users().get(userKey(attempt.username))
    // Acting for others is not for users of a file, RFC 4616 §2.
    if (
      'authorize' in attempt &&
      attempt.authorize !== undefined &&
      userKey(attempt.authorize) !== userKey(attempt.username)
    )
      return undefined
    return (await this.#isRight(attempt, user, signal)) ? user : undefined
  }

  async #isRight(attempt: AuthAttempt, user: User | undefined, signal: AbortSignal): Promise<boolean> {
    switch (attempt.mechanism) {
      case 'PLAIN':
      case 'LOGIN':
        return this.#checkPassword(attempt.password, user, signal)
      case 'SCRAM-SHA-256':
        return (await attempt.verify(user?.scram ?? this.#nobodysKeys(attempt.username))) && user?.scram !== undefined
      case 'CRAM-MD5':
        return user?.plain !== undefined && attempt.verify(user.plain)
      case 'EXTERNAL':
        return user?.certificates.includes(attempt.certificate.fingerprint.replaceAll(':', '').toLowerCase()) ?? false
      case 'XOAUTH2':
      case 'OAUTHBEARER':
        return (
          user !== undefined && ((await this.#deps.options.verifyToken?.(attempt.token, user.name, signal)) ?? false)
        )
    }
  }

  /** RFC 5802 §9: a name that does not exist has always the same salt, as one that does. */
  #nobodysKeys(username: string): ScramKeys {
    const salt = createHmac('sha256', this.#secret).update(userKey(username)).digest().subarray(0, 16)
    return { salt, iterations: this.#deps.options.iterations, storedKey: randomBytes(32), serverKey: randomBytes(32) }
  }

  async #checkPassword(password: string, user: User | undefined, signal: AbortSignal): Promise<boolean> {
    const expected = user?.hash ?? (await this.#decoyHash())
    const isRight = await checkPassword(password, expected, (work) => this.#deps.hashes.hash(work, signal))
    return isRight && user?.hash !== undefined
  }

  /** One that could not be made, because too much was going on, is made for the next. */
  #decoyHash(): Promise<string> {
    const { options, hashes } = this.#deps
    this.#decoy ??= makeHash(randomBytes(16).toString('hex'), costOf(options), (work) => hashes.hash(work)).catch(
      (error: unknown) => {
        this.#decoy = undefined
        throw error
      },
    )
    return this.#decoy
  }
}
