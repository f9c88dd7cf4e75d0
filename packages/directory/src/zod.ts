/** The option `from`, the same words wherever a plugin asks a directory. */
import { duration, durationOf } from '@postroad/options/zod'
import { daemonOf } from '@postroad/upstream/zod'
import { z } from 'zod'
import { templateProblem } from './template.ts'

const template = (what: string) =>
  z.string().superRefine((text, context) => {
    const problem = templateProblem(text, what)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
  })

const tls = z.strictObject({
  ca: z.string().optional().describe('File of the certificates to trust instead of the system’s, PEM'),
  cert: z.string().optional().describe('File of our own certificate, where the server asks for one'),
  key: z.string().optional().describe('File of its key'),
  servername: z.string().optional().describe('Name in the server’s certificate, where it is not that of the host'),
})

const password = z.string().optional().describe('Instead of one in the URL')

const formatOf = (path: string) => (path.endsWith('.cdb') ? 'cdb' : 'lines')

const file = z.union([
  z.string().transform((path) => ({ path, format: formatOf(path) }) as const),
  z
    .strictObject({
      path: z.string().describe('Read again when it changes'),
      format: z
        .enum(['lines', 'patterns', 'cdb'])
        .optional()
        .describe(
          '`lines` of a key and its values; `patterns`: keys with `*` and `?`, and networks, besides; `cdb`, as of `cdbmake`. Default: by the ending `.cdb`',
        ),
    })
    .transform(({ path, format = formatOf(path) }) => ({ path, format }) as const),
])

const sql = z.strictObject({
  url: z
    .string()
    .regex(
      /^(?:postgres(?:ql)?|mysql|mariadb|sqlite):/,
      'not the URL of a database: "postgres://user@host/db", "mysql://user@host/db" or "sqlite:/path/to/file"',
    )
    .describe('`postgres://user@host:5432/db`, `mysql://user@host/db` (MariaDB, too), `sqlite:/path`'),
  password,
  socket: z.string().optional().describe('UNIX socket (MySQL) or its folder (PostgreSQL), instead of host and port'),
  query: template('query').describe(
    'SELECT with `{key}`, `{local}`, `{domain}`: they are bound as parameters and stand without quotes. The first column is the value',
  ),
  tls: tls.optional().describe('TLS to the server, with a certificate that proves it'),
})

const ldap = z.strictObject({
  url: z
    .string()
    .regex(
      /^ldap(?:s:\/\/|:\/\/|i:\/\/)/,
      'not the URL of an LDAP server: "ldaps://host", "ldap://host:389" or "ldapi://%2Frun%2Fslapd%2Fldapi"',
    )
    .describe('`ldaps://host`, or `ldap://host` with `startTls`'),
  startTls: z.boolean().default(false).describe('Turn TLS on before anything is said, RFC 4513 §3'),
  tls: tls.optional().describe('Certificates; the server must always prove itself'),
  bind: z
    .strictObject({
      dn: z.string().min(1),
      password: z.string().min(1, 'is empty: that would be an unauthenticated bind, RFC 4513 §5.1.2'),
    })
    .optional()
    .describe('As whom to search; absent: anonymously'),
  base: z.string().describe('Where to search: `ou=people,dc=example,dc=com`'),
  scope: z.enum(['sub', 'one', 'base']).default('sub'),
  filter: template('filter').describe(
    'RFC 4515, with `{key}`, `{local}`, `{domain}`: they are escaped. `(mail={key})`',
  ),
  attributes: z
    .array(z.string().min(1))
    .min(1)
    .default(['mail'])
    .describe('To be read; the first is the value. Of `proxyAddresses` those of `smtp:` are, without it'),
  dereference: z.enum(['never', 'always']).default('never').describe('Aliases of entries, RFC 4511 §4.5.1.3'),
  members: z
    .strictObject({
      of: z.string().default('member').describe('Attribute of a group that names its members by DN'),
      value: z.string().default('mail').describe('Attribute of a member that is a value'),
    })
    .optional()
    .describe('An entry that is a group has the values of its members, and of groups among them'),
  pageSize: z.int().min(1).max(10_000).default(500).describe('Entries in one answer when all are listed, RFC 2696'),
})

const redis = z.strictObject({
  url: z
    .string()
    .regex(/^rediss?:\/\//, 'not the URL of a Redis: "redis://host:6379/0" or "rediss://host"')
    .describe('`redis://user:password@host:port/db`, or `rediss://` for TLS'),
  password,
  key: template('key').default('{key}').describe('Of Redis: `users:{key}`'),
  type: z.enum(['string', 'hash', 'set']).default('string').describe('What is there: GET, HGETALL or SMEMBERS'),
  tls: tls.optional(),
})

const http = z.strictObject({
  url: template('url')
    .refine((text) => /^https?:\/\//.test(text), 'not the URL of a service: "https://host/path/{key}"')
    .describe(
      'Asked with GET; `{key}`, `{local}`, `{domain}` are filled in, encoded. 200: text, or JSON; 404, 410: there is none',
    ),
  headers: z.record(z.string(), z.string()).default({}).describe('Header fields of the request, a key perhaps'),
})

const dovecot = z.strictObject({
  socket: z.string().describe('`auth-userdb` (or `auth-client` for logins), or that of the dict service'),
  ask: z.enum(['userdb', 'dict']).default('userdb').describe('Users of Dovecot, or a key of one of its dicts'),
  dict: z.string().default('postroad').describe('Name of the dict'),
  key: template('key').default('shared/{key}').describe('In the dict'),
})

const socketmap = z.strictObject({
  at: z
    .string()
    .regex(/:\d+$|^(?:unix:|\/)/, 'not where a socketmap listens: "host:port" or the path of a socket')
    .pipe(daemonOf(1))
    .describe('`host:port`, or the path of a socket'),
  map: z
    .string()
    .regex(/^\S+$/, 'must have no blank')
    .describe('Name of the map, as in Postfix: `socketmap:unix:/path:MAP`'),
})

const list = z.strictObject({
  ask: z
    .string()
    .optional()
    .describe(
      'SQL: a SELECT of all, first the key, then the value. LDAP: a filter of all; default: `filter` with `*` for its places',
    ),
  every: durationOf({ min: 1_000 }).prefault('1 h').describe('How often all is read again'),
  keep: duration.prefault('3 d').describe('How old the list may become while it cannot be read'),
  shrink: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe(
      'A new list without this part of the last one is not believed, and the last one stays; 1: any but an empty one is',
    ),
})

const PROVIDERS = ['file', 'sql', 'ldap', 'redis', 'http', 'dovecot', 'socketmap'] as const

/** What a plugin says of its own use of a directory. */
interface FromDefaults {
  /** Of `cache.found`: `5 min`. */
  readonly found?: string
  /** Of `cache.unknown`: `1 min`. */
  readonly unknown?: string
}

/**
 * A schema for the option `from`: one provider, and how it is asked.
 *
 * @example z.strictObject({ from: fromOption().optional().describe('Who exists') })
 */
export function fromOption({ found = '5 min', unknown = '1 min' }: FromDefaults = {}) {
  return z
    .strictObject({
      file: file.optional().describe('A file'),
      sql: sql.optional().describe('PostgreSQL, MySQL, MariaDB or SQLite'),
      ldap: ldap.optional().describe('LDAP, Active Directory'),
      redis: redis.optional().describe('Redis'),
      http: http.optional().describe('A service'),
      dovecot: dovecot.optional().describe('Dovecot'),
      socketmap: socketmap.optional().describe('What Postfix asks by `socketmap:`'),
      name: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,39}$/, 'not a name: lower-case letters, digits and hyphens')
        .optional()
        .describe('In logs, metrics and `postroad lookup`; default: that of the plugin'),
      deadline: durationOf({ min: 1, max: 60_000 }).prefault('5 s').describe('For one question, with connecting'),
      connections: z.int().min(1).max(100).default(4).describe('To the server, at most'),
      cache: z
        .strictObject({
          found: duration.prefault(found).describe('How long an entry is kept'),
          unknown: duration.prefault(unknown).describe('How long it is kept that there is none'),
          stale: duration
            .prefault('0')
            .describe(
              'How much longer an entry serves while nobody can be asked, also after a restart; never that there is none',
            ),
          size: z
            .int()
            .min(0)
            .max(10_000_000)
            .default(10_000)
            .describe('Keys at most; the one not used for longest goes'),
        })
        .prefault({})
        .describe('Of answers'),
      list: list
        .optional()
        .describe('Read all of it now and then instead of asking for each key: `sql`, `ldap`, `http`'),
      onError: z
        .enum(['defer', 'pass'])
        .default('defer')
        .describe('While nobody can be asked: 451, or go on without, where the plugin can'),
    })
    .superRefine((from, context) => {
      const said = PROVIDERS.filter((name) => from[name] !== undefined)
      if (said.length !== 1)
        context.addIssue({
          code: 'custom',
          message: `needs one of ${PROVIDERS.map((name) => `"${name}"`).join(', ')}, and has ${said.length === 0 ? 'none' : said.map((name) => `"${name}"`).join(' and ')}`,
        })
      if (from.list && !from.sql && !from.ldap && !from.http)
        context.addIssue({ code: 'custom', path: ['list'], message: 'is for "sql", "ldap" and "http"' })
      if (from.list && from.sql && from.list.ask === undefined)
        context.addIssue({
          code: 'custom',
          path: ['list', 'ask'],
          message: 'is missing: a SELECT of all keys, and their values',
        })
      if (from.list && from.http && from.list.ask === undefined)
        context.addIssue({
          code: 'custom',
          path: ['list', 'ask'],
          message: 'is missing: the URL of all keys, a line each',
        })
    })
}
