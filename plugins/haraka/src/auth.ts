/** AUTH by plugins that inherit from Haraka's `auth/auth_base`: they are asked for the verdict, the exchange is the server's. */
import { type AuthContext, errorOf, type Identity, type Mechanism } from '@postroad/plugin'
import type { HarakaConnection } from './connection.ts'
import type { HarakaPlugin } from './harness.ts'

/** What a plugin made of a login. */
export interface AuthAnswer {
  readonly plugin: string
  /** Undefined: it is refused. */
  readonly identity: Identity | undefined
  readonly text: string
}

/** Whether a plugin judges logins. */
export function judgesLogins(plugin: HarakaPlugin): boolean {
  return typeof plugin['check_plain_passwd'] === 'function'
}

/** What these plugins can judge: CRAM-MD5 where one is configured for it, because that needs passwords in the clear. */
export function mechanismsOf(plugins: readonly HarakaPlugin[]): readonly Mechanism[] {
  const { methods } = Object(Object(plugins.find(judgesLogins)?.['cfg']).core) as { readonly methods?: unknown }
  const names = String(methods ?? 'PLAIN,LOGIN').toUpperCase()
  const known: readonly Mechanism[] = ['PLAIN', 'LOGIN', 'CRAM-MD5']
  return known.filter((mechanism) => names.includes(mechanism))
}

/**
 * Asks the plugins in turn; the first that knows the password decides.
 *
 * @throws {Error} when one throws, or the time is up: nobody is refused because a directory is down
 */
export async function attempt(
  plugins: readonly HarakaPlugin[],
  connection: HarakaConnection,
  { attempt: login, signal }: AuthContext,
): Promise<AuthAnswer | undefined> {
  let last: AuthAnswer | undefined
  for (const plugin of plugins.filter(judgesLogins)) {
    const { name } = plugin
    if (login.mechanism !== 'PLAIN' && login.mechanism !== 'LOGIN' && login.mechanism !== 'CRAM-MD5') continue
    const [isRight, text] = await called(signal, name, (done, fail) => {
      if (login.mechanism !== 'CRAM-MD5') {
        const given = [connection, login.username, login.password]
        call(plugin, 'check_plain_passwd', given, { done: (right, more) => done(right === true, more), fail })
        return
      }
      const given = Object(plugin['get_plain_passwd']).length === 2 ? [login.username] : [login.username, connection]
      call(plugin, 'get_plain_passwd', given, {
        done: (password) => done(typeof password === 'string' && login.verify(password)),
        fail,
      })
    })
    const words = typeof text === 'object' && text !== null ? Object(text).message : text
    last = {
      plugin: name,
      identity: isRight ? { name: login.username } : undefined,
      text: typeof words === 'string' && words !== '' ? words : 'Authentication failed',
    }
    if (isRight) return last
    connection.results.add({ name: 'auth' }, { fail: `${name}/${login.mechanism}` })
  }
  return last
}

type Done = (isRight: boolean, text?: unknown) => void

type Fail = (thrown: unknown) => void

function called(
  signal: AbortSignal,
  name: string,
  begin: (done: Done, fail: Fail) => void,
): Promise<readonly [boolean, unknown]> {
  return new Promise((resolve, reject) => {
    const fail = (thrown: unknown): void =>
      reject(new Error(`plugin "${name}" failed at AUTH: ${errorOf(thrown).message}`, { cause: thrown }))
    signal.addEventListener('abort', () => fail(signal.reason), { once: true })
    try {
      begin((isRight, text) => resolve([isRight, text]), fail)
    } catch (thrown) {
      fail(thrown)
    }
  })
}

function call(
  plugin: HarakaPlugin,
  method: string,
  given: readonly unknown[],
  { done, fail }: { readonly done: (...answer: unknown[]) => void; readonly fail: Fail },
): void {
  const ask = plugin[method] as (...all: unknown[]) => unknown // it is there: it was looked for
  const made = ask.call(plugin, ...given, done)
  if (made instanceof Promise) made.catch(fail)
}
