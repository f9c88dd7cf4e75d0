/** Logins by what people have: LDAP, hashes in a database, Dovecot, OAuth. */
import { lookupDesk, openDirectory } from '@postroad/directory'
import { Guard, HashesBusy, HashPool, hashLimitsOf, ownAddresses } from '@postroad/login'
import { AddressTable } from '@postroad/options'
import {
  type AuthContext,
  Clock,
  defer,
  defineFact,
  definePlugin,
  type Identity,
  Limiter,
  type Logger,
  type MailContext,
  type Mechanism,
  type Refusal,
  reject,
  Store,
} from '@postroad/plugin'
import { Judge, type KnownUser, userKey } from './judge.ts'
import { type AuthOptions, options } from './options.ts'
import { tokenJudge } from './token.ts'

const WRONG = reject('Authentication credentials invalid', { status: '5.7.8' })
// RFC 4954 §6
const LATER = defer('Too many failed attempts, try again later', { status: '4.7.0', code: 454 })
const BUSY = defer('Too many logins at once, try again later', { status: '4.7.0', code: 454 })
const AWAY = defer('Temporary authentication failure, try again later', { status: '4.7.0', code: 454 })
const NOT_YOURS = reject('Sender address not owned by authenticated user', { status: '5.7.1', code: 553 })
const USAGE = 64

/** What the user of this session may write as reverse-path. */
const ownSenders = defineFact<AddressTable<boolean>, 'session'>('auth-senders', 'session')

/**
 * AUTH by a directory, RFC 4954: PLAIN and LOGIN by an LDAP bind, by hashes in a database, or by Dovecot; XOAUTH2 and OAUTHBEARER by an
 * OAuth provider. While nobody can be asked it is 454, never 535. Users may send from their own addresses only.
 *
 * @example out.use(auth({ from: { sql: { url: 'postgres://postroad@db/mail', query: 'SELECT password, senders FROM users WHERE name = {key}' } } }))
 */
export const auth = definePlugin({
  name: 'auth',
  options,
  needs: { limiter: Limiter, store: Store, clock: Clock },
  async setup({ store, ...setup }) {
    const { options, limiter, clock, log, name, resolve } = setup
    const { from, oauth, dovecot, deadline, domains, fields } = options
    // Without the store: nothing of what it finds, hashes of passwords among it, is written anywhere.
    const directory = from && (await openDirectory(from, { name, clock, log, resolve }))
    const hashes = new HashPool(hashLimitsOf(options.checks))
    const guard = new Guard({ limiter, store, prefix: 'auth', failures: options.failures, now: clock.now })
    const tokens = oauth && tokenJudge(oauth, { deadline, now: clock.now })
    const socket = dovecot && resolve(dovecot.socket)
    const judge = new Judge({ options, directory, hashes, tokens, socket })
    return {
      ...(directory && {
        start: () => directory.start(),
        desks: [lookupDesk([directory], [fields.password.toLowerCase(), 'userpassword'])],
      }),
      auth: {
        mechanisms: mechanismsOf(options),
        provides: [ownSenders],
        timeout: 30_000,
        async handler(context: AuthContext): Promise<Identity | Refusal> {
          const { attempt, session, signal, set } = context
          const about = { address: session.remote.address, user: userKey(attempt.username), ...proofOf(attempt) }
          const user = await guard
            .judge(about, signal, () => judge.judge(context))
            .catch((error: unknown) => {
              signal.throwIfAborted()
              return refusalFor(error, log)
            })
          if (user === 'later') return LATER
          if (user && 'kind' in user) return user
          if (user) {
            if (options.senders === 'own') set(ownSenders, addressesOf(user, domains, log))
            return { name: user.name }
          }
          await clock.sleep(options.delay, signal)
          return WRONG
        },
      },
      ...(options.senders === 'own' && {
        mail({ session, envelope, find }: MailContext) {
          if (!session.identity || !envelope.from) return
          // Somebody else's user is not ours to restrict.
          const own = find(ownSenders)
          if (own && !own.find(envelope.from)) return NOT_YOURS
        },
      }),
      commands: {
        unlock: {
          summary: 'Lets a user or an address try again after too many failures',
          usage: '<name | address>',
          async run([what], io) {
            if (what === undefined) return USAGE
            await guard.unlock(what)
            io.row({ unlocked: what })
          },
        },
      },
      async close() {
        await directory?.close()
        await hashes.close()
      },
    }
  },
})

function mechanismsOf({ from, dovecot, oauth }: AuthOptions): readonly Mechanism[] {
  return [
    ...(from || dovecot ? (['PLAIN', 'LOGIN'] as const) : []),
    ...(oauth || dovecot?.oauth ? (['OAUTHBEARER', 'XOAUTH2'] as const) : []),
  ]
}

function proofOf(attempt: AuthContext['attempt']): { readonly password?: string } {
  if ('password' in attempt) return { password: attempt.password }
  return 'token' in attempt ? { password: attempt.token } : {}
}

function refusalFor(error: unknown, log: Logger): Refusal {
  if (error instanceof HashesBusy) return BUSY
  log.error({ error }, 'nobody can say whether a login is right')
  return AWAY
}

/** What is no pattern is left out: its user may still log in. */
function addressesOf(user: KnownUser, domains: readonly string[], log: Logger): AddressTable<boolean> {
  const from = user.from.filter((pattern) => {
    try {
      new AddressTable([[pattern, true]])
      return true
    } catch (error) {
      log.warn({ user: user.name, error }, 'a sender of a user is no address, and is left out')
      return false
    }
  })
  return ownAddresses({ name: user.name, from }, domains)
}
