/** The servers that directories are asked of: each with its own folder and port on loopback, and the same people in it. */

import { once } from 'node:events'
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { Client as LdapClient } from 'ldapts'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import type { TestCertificate } from '../../cluster/certificate.ts'
import { programPath } from '../../runner/program.ts'
import { freePorts } from '../loopback.ts'
import { account, Peer, peerFolder, runAsPeer } from './peer.ts'

/** Password of the accounts that Postroad has at these servers. */
export const SECRET = 's3cret-of-ours'

/** Who is in all of them: an alias for sales, and many others. */
export const PEOPLE: readonly { readonly address: string; readonly target: string; readonly hash: string }[] = [
  { address: 'alice@x.test', target: 'alice@store.test', hash: '{PLAIN-MADE-BY-TEST}' },
  { address: 'bob@x.test', target: 'bob@store.test', hash: '{PLAIN-MADE-BY-TEST}' },
  ...Array.from({ length: 700 }, (_, at) => ({ address: `u${at}@x.test`, target: `u${at}@store.test`, hash: '-' })),
]

const TABLE = `CREATE TABLE people (address VARCHAR(200) NOT NULL PRIMARY KEY, target VARCHAR(200) NOT NULL, password VARCHAR(250));`
const ROWS = `INSERT INTO people (address, target, password) VALUES ${PEOPLE.map(({ address, target, hash }) => `('${address}', '${target}', '${hash}')`).join(', ')};`

/** A server that is there, and how it is said in an option. */
export interface Served extends AsyncDisposable {
  readonly peer: Peer
  readonly url: string
}

function served(peer: Peer, url: string): Served {
  return { peer, url, [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() }
}

/** The certificate where the account may read it. */
function certificateIn(folder: string, { certFile, keyFile }: TestCertificate): { cert: string; key: string } {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  for (const [from, to] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    copyFileSync(from, to)
    const { uid, gid } = account().ids
    if (uid !== undefined && gid !== undefined) chownSync(to, uid, gid)
    chmodSync(to, 0o600)
  }
  return { cert, key }
}

export async function startPostgres(certificate?: TestCertificate): Promise<Served> {
  const folder = peerFolder('postgres')
  const [port = 0] = await freePorts(1)
  const data = join(folder, 'data')
  const bin = (name: string): string => {
    const [version = ''] = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
    return join('/usr/lib/postgresql', version, 'bin', name)
  }
  writeFileSync(join(folder, 'password'), SECRET, { mode: 0o644 })
  runAsPeer(bin('initdb'), [
    '-D',
    data,
    '-U',
    'postroad',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
    '-A',
    'scram-sha-256',
    `--pwfile=${join(folder, 'password')}`,
  ])
  const url = `postgres://postroad:${SECRET}@127.0.0.1:${port}/postgres`
  const tls = certificate ? certificateIn(folder, certificate) : undefined
  const peer = new Peer({
    folder,
    program: bin('postgres'),
    args: [
      '-D',
      data,
      '-p',
      `${port}`,
      '-k',
      folder,
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'fsync=off',
      '-c',
      'max_connections=40',
      ...(tls ? ['-c', 'ssl=on', '-c', `ssl_cert_file=${tls.cert}`, '-c', `ssl_key_file=${tls.key}`] : []),
    ],
    isReady: () => asPostgres(url, 'SELECT 1'),
  })
  try {
    await peer.start()
    await asPostgres(url, TABLE + ROWS)
  } catch (error) {
    await peer[Symbol.asyncDispose]()
    throw error
  }
  return served(peer, url)
}

async function asPostgres(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await client.query(sql)
  } finally {
    await client.end().catch(() => undefined)
  }
}

export async function startMariadb(certificate?: TestCertificate): Promise<Served> {
  const folder = peerFolder('mariadb')
  const [port = 0] = await freePorts(1)
  const data = join(folder, 'data')
  const { name } = account()
  const common = ['--no-defaults', `--datadir=${data}`]
  runAsPeer(programPath('mariadb-install-db'), [
    ...common,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
  ])
  const init = join(folder, 'init.sql')
  writeFileSync(
    init,
    [
      'CREATE DATABASE IF NOT EXISTS mail CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;',
      `CREATE USER IF NOT EXISTS 'postroad'@'127.0.0.1' IDENTIFIED BY '${SECRET}';`,
      "GRANT ALL ON mail.* TO 'postroad'@'127.0.0.1';\n",
    ].join('\n'),
  )
  const url = `mysql://postroad:${SECRET}@127.0.0.1:${port}/mail`
  const tls = certificate ? certificateIn(folder, certificate) : undefined
  const peer = new Peer({
    folder,
    program: programPath('mariadbd'),
    args: [
      ...common,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(folder, 'sock')}`,
      `--pid-file=${join(folder, 'pid')}`,
      `--init-file=${init}`,
      '--skip-name-resolve',
      '--innodb-buffer-pool-size=32M',
      `--user=${name}`,
      ...(tls ? [`--ssl-cert=${tls.cert}`, `--ssl-key=${tls.key}`] : []),
    ],
    isReady: () => asMariadb(url, 'SELECT 1'),
  })
  try {
    await peer.start()
    await asMariadb(url, TABLE)
    await asMariadb(url, ROWS)
  } catch (error) {
    await peer[Symbol.asyncDispose]()
    throw error
  }
  return served(peer, url)
}

async function asMariadb(url: string, sql: string): Promise<unknown> {
  const connection = await createConnection({ uri: url, connectTimeout: 3_000 })
  try {
    return await connection.query(sql)
  } finally {
    connection.destroy()
  }
}

/**
 * An LDAP server: `url` is plain, with StartTLS where there is a certificate; `secure` is `ldaps://`.
 *
 * @param odd what a bind as an entry below `dc=odd,dc=test` is answered with, by a socket backend of slapd
 */
export async function startSlapd(
  certificate?: TestCertificate,
  odd?: (dn: string) => BindAnswer,
): Promise<Served & { readonly secure: string }> {
  const folder = peerFolder('slapd')
  const [port = 0, securePort = 0] = await freePorts(2)
  const tls = certificate ? certificateIn(folder, certificate) : undefined
  const data = join(folder, 'data')
  mkdirSync(data)
  const { uid, gid } = account().ids
  if (uid !== undefined && gid !== undefined) chownSync(data, uid, gid)
  const config = join(folder, 'slapd.conf')
  writeFileSync(
    config,
    `${['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`).join('\n')}
attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.2.840.113556.1.5.9999 NAME 'mailThing' SUP top AUXILIARY MAY ( proxyAddresses $ mail ) )
modulepath /usr/lib/ldap
moduleload back_mdb
${odd ? 'moduleload back_sock\n' : ''}pidfile ${folder}/pid
${tls ? `TLSCertificateFile ${tls.cert}\nTLSCertificateKeyFile ${tls.key}\n` : ''}
sizelimit 500
database mdb
suffix dc=x,dc=test
rootdn cn=admin,dc=x,dc=test
rootpw ${SECRET}
directory ${data}
maxsize 104857600
dbnosync
index objectClass,mail,uid,proxyAddresses eq
limits dn.exact="cn=postroad,dc=x,dc=test" size.prtotal=unlimited size=100
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=postroad,dc=x,dc=test" read by anonymous auth by * none
${odd ? `database sock\nsuffix dc=odd,dc=test\nsocketpath ${folder}/odd\n` : ''}`,
  )
  const backend = odd && (await socketBackend(join(folder, 'odd'), odd))
  runAsPeer(programPath('slapadd'), ['-f', config, '-b', 'dc=x,dc=test', '-q'], ldif())
  const url = `ldap://127.0.0.1:${port}`
  const secure = `ldaps://127.0.0.1:${securePort}`
  const peer = new Peer({
    folder,
    program: programPath('slapd'),
    args: ['-h', `${url}${tls ? ` ${secure}` : ''}`, '-f', config, '-d', '0'],
    async isReady() {
      const client = new LdapClient({ url, timeout: 3_000, connectTimeout: 3_000 })
      await client.bind('cn=postroad,dc=x,dc=test', SECRET).finally(() => client.unbind().catch(() => undefined))
    },
  })
  try {
    await peer.start()
  } catch (error) {
    await peer[Symbol.asyncDispose]()
    throw error
  }
  return {
    peer,
    url,
    secure,
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]()
      backend?.close()
    },
  }
}

/** Result of a bind, RFC 4511 §4.1.9. */
export interface BindAnswer {
  readonly code: number
  readonly text: string
}

/** The protocol of slapd-sock(5): a request is lines up to an empty one. Whatever is searched for is there. */
async function socketBackend(path: string, answer: (dn: string) => BindAnswer): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.on('error', () => undefined)
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (!text.includes('\n\n')) return
      const [verb = ''] = text.split('\n')
      const [, dn = ''] = /^dn: (.*)$/m.exec(text) ?? []
      const [, uid = ''] = /\(uid=([^)]*)\)/.exec(text) ?? []
      const { code, text: info } = verb === 'BIND' ? answer(dn) : { code: 0, text: '' }
      const entry = `dn: uid=${uid},dc=odd,dc=test\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\nmail: ${uid}@odd.test\n\n`
      socket.end(`${verb === 'SEARCH' ? entry : ''}RESULT\ncode: ${code}\n${info === '' ? '' : `info: ${info}\n`}`)
    })
  })
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o666)
  return server
}

function ldif(): string {
  const person = (uid: string, more: readonly string[] = []) =>
    [
      `dn: uid=${uid},ou=people,dc=x,dc=test`,
      'objectClass: inetOrgPerson',
      'objectClass: mailThing',
      `uid: ${uid}`,
      `cn: ${uid}`,
      `sn: ${uid}`,
      `mail: ${uid}@x.test`,
      ...more,
    ].join('\n')
  return [
    'dn: dc=x,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: x',
    `dn: cn=postroad,dc=x,dc=test\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: postroad\nuserPassword: ${SECRET}`,
    'dn: ou=people,dc=x,dc=test\nobjectClass: organizationalUnit\nou: people',
    person('alice', [
      'userPassword: wonderland',
      'proxyAddresses: SMTP:alice@x.test',
      'proxyAddresses: smtp:a.liddell@x.test',
      'proxyAddresses: x500:/o=x/cn=alice',
    ]),
    person('bob', ['userPassword: builder*(']),
    ...PEOPLE.slice(2).map(({ address }) => person(address.split('@')[0] ?? '')),
    'dn: ou=groups,dc=x,dc=test\nobjectClass: organizationalUnit\nou: groups',
    'dn: cn=sales,ou=groups,dc=x,dc=test\nobjectClass: groupOfNames\nobjectClass: mailThing\ncn: sales\nmail: sales@x.test\nmember: uid=alice,ou=people,dc=x,dc=test\nmember: cn=inner,ou=groups,dc=x,dc=test\nmember: uid=gone,ou=people,dc=x,dc=test',
    // A group that contains the one that contains it.
    'dn: cn=inner,ou=groups,dc=x,dc=test\nobjectClass: groupOfNames\nobjectClass: mailThing\ncn: inner\nmail: inner@x.test\nmember: uid=bob,ou=people,dc=x,dc=test\nmember: cn=sales,ou=groups,dc=x,dc=test',
    '',
  ].join('\n\n')
}

/** Whether a port takes connections. */
export async function takesConnections(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}
