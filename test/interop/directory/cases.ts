/** The same people in every server, and how each is asked. */
import type { TestContext } from 'node:test'
import type { z } from 'zod'
import { type Directory, type DirectoryDeps, openDirectory } from '../../../packages/directory/src/index.ts'
import { fromOption } from '../../../packages/directory/src/zod.ts'
import { SECRET } from './servers.ts'

const schema = fromOption()

/** The option `from`, as an operator writes it. */
export type FromInput = z.input<typeof schema>

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
/** The time of the machine. */
export const clock: DirectoryDeps['clock'] = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const timer = setTimeout(resolve, ms)
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(signal.reason)
      })
    }),
}

/** Opens it; it is closed with the test. Nothing is kept, unless the option says so: each look-up is a question. */
export async function open(
  t: TestContext,
  from: FromInput,
  log: Partial<DirectoryDeps['log']> = {},
): Promise<Directory> {
  const asked = { cache: { size: 0 }, deadline: '5 s', ...from }
  const directory = await openDirectory(schema.parse(asked), {
    name: 'people',
    clock,
    log: { ...quiet, ...log },
    resolve: (file) => file,
  })
  t.after(() => directory.close())
  return directory
}

export const sqlFrom = (url: string): FromInput => ({
  sql: { url, query: 'SELECT target, password FROM people WHERE address = {key}' },
})

export const ldapFrom = (url: string, more: object = {}): FromInput => ({
  ldap: {
    url,
    bind: { dn: 'cn=postroad,dc=x,dc=test', password: SECRET },
    base: 'dc=x,dc=test',
    filter: '(|(mail={key})(proxyAddresses=smtp:{key}))',
    attributes: ['mail', 'uid'],
    ...more,
  },
})

/** Keys that would be more than a key where they were pasted: into SQL, a filter, a key of Redis, a URL, a line of a protocol. */
export const INJECTIONS: readonly string[] = [
  "' OR '1'='1",
  "' OR 1=1 --",
  "' OR 1=1 #",
  "' OR ''='",
  "'; DROP TABLE people; --",
  "'; DELETE FROM people WHERE 'a'='a",
  "' UNION SELECT target, password FROM people --",
  "' UNION ALL SELECT 'alice@store.test', NULL --",
  "alice@x.test' --",
  "alice@x.test'/*",
  "alice@x.test' AND SLEEP(9) --",
  "alice@x.test' AND pg_sleep(9) IS NULL --",
  "\\' OR 1=1 --",
  '\\',
  "'",
  "''",
  '"',
  '" OR ""="',
  '`',
  '%',
  '_lice@x.test',
  '%@x.test',
  '$1',
  '?',
  ':key',
  '{key}',
  '{local}@{domain}',
  '*',
  '*@x.test',
  'alice*',
  'a*e@x.test',
  '*)(uid=*',
  '*)(|(uid=*',
  'alice@x.test)(uid=*',
  'x)(|(mail=*',
  'x))(|(mail=alice@x.test',
  '*)(objectClass=*)',
  '(mail=alice@x.test)',
  ')',
  '(',
  '&(mail=*)',
  '\\2a',
  '\\61lice@x.test',
  'alice@x.test\0',
  '\0',
  'alice@x.test\r\nGET x',
  'x\nUSER\t2\talice@x.test',
  'x\t1\talice@x.test',
  '../people/alice@x.test',
  '%00',
  '..%2f..%2falice@x.test',
  'alice@x.test?x=',
  'alice@x.test#',
  '\ud800',
  '%61lice@x.test',
  "' || (SELECT password FROM people LIMIT 1) || '",
]
