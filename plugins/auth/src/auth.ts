/** Logins by what people have: LDAP, hashes in a database, Dovecot, OAuth. */
import { lookupDesk, openDirectory } from '@postroad/directory'
import { Guard, HashesBusy, HashPool, hashLimitsOf } from '@postroad/login'
import type { AddressTable } from '@postroad/options'
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
import { Judge, userKey } from './judge.ts'
import { type AuthOptions, options } from './options.ts'
import { SenderRights } from './senders.ts'
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
    const owners =
      options.owners &&
      (await openDirectory(options.owners.from, { name: `${name}-owners`, clock, log, resolve, store }))
    const rights = new SenderRights({ domains, owners, log })
    const hashes = new HashPool(hashLimitsOf(options.checks))
    const guard = new Guard({ limiter, store, prefix: 'auth', failures: options.failures, clock })
    const tokens = oauth && tokenJudge(oauth, { deadline, now: clock.now })
    const socket = dovecot && resolve(dovecot.socket)
    const judge = new Judge({ options, directory, hashes, tokens, socket })
    /** The server in charge has let the user in; what the user may send is asked for here. */
    const letInElsewhere = async (name: string): Promise<AddressTable<boolean> | undefined> => {
      const user = await judge.known(name)
      return user && rights.addressesOf(user)
    }
    return {
      start() {
        directory?.start()
        owners?.start()
      },
      desks: [
        lookupDesk(directory ? [directory] : [], [fields.password.toLowerCase(), 'userpassword']),
        lookupDesk(owners ? [owners] : []),
      ],
      auth: {
        mechanisms: mechanismsOf(options),
        relays: true,
        provides: [ownSenders],
        timeout: 30_000,
        async handler(context: AuthContext): Promise<Identity | Refusal> {
          const { attempt, session, signal, set } = context
          const about = {
            address: session.remote.address,
            user: userKey(attempt.username),
            ...proofOf(attempt),
            ...(directory && { exists: async () => (await directory.find(userKey(attempt.username))) !== undefined }),
          }
          const user = await guard
            .judge(about, signal, () => judge.judge(context))
            .catch((error: unknown) => {
              signal.throwIfAborted()
              return refusalFor(error, log)
            })
          if (user === 'later') return LATER
          if (user && 'kind' in user) return user
          if (user) {
            if (options.senders === 'own') set(ownSenders, rights.addressesOf(user))
            return { name: user.name }
          }
          await clock.sleep(options.delay, signal)
          return WRONG
        },
      },
      ...(options.senders === 'own' && {
        async mail({ session: { identity, role }, envelope, find }: MailContext) {
          if (!identity || !envelope.from) return
          const own = find(ownSenders) ?? (role === 'filter' ? await letInElsewhere(identity.name) : undefined)
          // Somebody else's user is not ours to restrict.
          if (!own || own.find(envelope.from)) return
          if (!(await rights.owns(identity.name, envelope.from))) return NOT_YOURS
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
        await owners?.close()
        await hashes.close()
      },
    }
  },
})

function mechanismsOf({ from, dovecot, oauth }: AuthOptions): readonly Mechanism[] {
  return [
    ...(from || dovecot ? (['PLAIN', 'LOGIN'] as const) : []),
    ...(dovecot?.scram ? (['SCRAM-SHA-256'] as const) : []),
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
