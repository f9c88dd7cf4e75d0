/** A server with a quarantine that tells its recipients: mail comes over SMTP, digests and released messages end in Maildirs, links are asked for over HTTP. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { admin } from '@postroad/admin'
import { createServer, type Server } from '@postroad/core'
import { signDkim } from '@postroad/dkim'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { newToken } from '@postroad/http'
import { maildir } from '@postroad/maildir'
import { quarantine as aside, type CommandIo, Dns, definePlugin } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { MailRecords, openRecords } from '@postroad/records'
import { routing } from '@postroad/routing'
import { type Answered, ask } from '../admin/server.ts'
import { SmtpClient } from '../failure/smtp-client.ts'

/** Sets mail aside whose subject says so. */
const rules = definePlugin({
  name: 'rules',
  hooks: {
    message: ({ message }) => (message.subject?.startsWith('[spam]') ? aside('looks like spam') : undefined),
  },
})

/** A running server, and what may be asked of it. */
export interface DigestServer {
  readonly server: Server
  readonly folder: string
  readonly ports: Readonly<Record<'mx' | 'web' | 'links', number>>
  readonly token: string
  /** One message from outside; resolves to the reply to its end. */
  send(subject: string, to: readonly string[], more?: string, from?: string): Promise<string>
  /** What is in somebody's mailbox, oldest first, as text. */
  mailbox(name: string): Promise<readonly string[]>
  /** `postroad quarantine …`. */
  run(
    ...args: string[]
  ): Promise<{ readonly code: number; readonly rows: Record<string, unknown>[]; readonly said: string[] }>
  /** A request to the listener of links. */
  follow(method: string, link: string, body?: string, headers?: Record<string, string>): Promise<Answered>
}

/** Starts it; it ends with the test. `digest`: options besides the necessary ones. */
export async function start(
  t: TestContext,
  digest: Partial<NonNullable<NonNullable<Parameters<typeof quarantine>[0]>['digest']>> = {},
): Promise<DigestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-digest-'))
  const services = embeddedServices(join(folder, 'services'))
  const records = openRecords({ folder: join(folder, 'records') })
  const token = newToken()
  const [own, released] = [join(folder, 'own.sock'), join(folder, 'released.sock')]
  const key = join(folder, 'dkim.pem')
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  await writeFile(key, pem, { mode: 0o600 })
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      log: { format: 'silent' },
      grace: 500,
      setup(app) {
        app
          .use(admin())
          .use(routing({ domains: { 'example.com': { via: 'maildir' } } }))
          .use(maildir({ folder: join(folder, 'mail') }))
          .use(
            quarantine({
              release: { path: released },
              digest: {
                url: 'https://mail.example.com',
                from: 'quarantine@example.com',
                submit: { path: own },
                recipients: ['example.com'],
                timeZone: 'UTC',
                ...digest,
              },
            }),
          )
        app.scope('mx', (mx) => mx.use(rules()).listen({ name: 'mx', host: '127.0.0.1', port: 0 }))
        app.scope('released', (behind) => behind.listen({ name: 'released', path: released }))
        app.scope('own', (behind) =>
          behind
            .use(signDkim({ keys: [{ domain: 'example.com', selector: 's1', file: key }], unauthenticated: true }))
            .listen({ name: 'own', path: own }),
        )
        app.listen({
          name: 'links',
          protocol: 'http',
          port: 0,
          routes: 'links',
          hosts: ['mail.example.com', '127.0.0.1'],
        })
        app.listen({
          name: 'web',
          protocol: 'http',
          port: 0,
          tokens: [{ name: 'ops', sha256: token.sha256, roles: ['admin'] }],
        })
      },
    },
    {
      services: [
        ...services.services,
        { service: Dns, create: () => zoneDns({}) },
        { service: MailRecords, create: () => records },
      ],
    },
  )
  await server.listen()
  t.after(async () => {
    await server.close()
    await records.close()
    await services.close()
    await rm(folder, { recursive: true, force: true })
  })
  const portOf = (name: string): number => server.addresses.find((one) => one.name === name)?.port ?? 0
  const ports = { mx: portOf('mx'), web: portOf('web'), links: portOf('links') }
  return {
    server,
    folder,
    ports,
    token: token.secret,
    async send(subject, to, more = '', from = '"Ann <script>alert(1)</script>" <ann@example.test>') {
      const client = await SmtpClient.connect(ports.mx)
      await client.reply()
      await client.send('EHLO client.test')
      await client.send('MAIL FROM:<ann@example.test>')
      for (const one of to) await client.send(`RCPT TO:<${one}>`)
      await client.send('DATA')
      const reply = await client.send(`From: ${from}\r\nSubject: ${subject}\r\n${more}\r\nThe body of ${subject}\r\n.`)
      await client.quit()
      return reply
    },
    async mailbox(name) {
      const inbox = join(folder, 'mail', name, 'new')
      const files = await readdir(inbox).catch(() => [])
      return Promise.all(files.toSorted().map((file) => readFile(join(inbox, file), 'latin1')))
    },
    async run(...args) {
      const rows: Record<string, unknown>[] = []
      const said: string[] = []
      const io: CommandIo = {
        json: true,
        row: (fields) => void rows.push(fields),
        print: (line) => void said.push(line),
        signal: new AbortController().signal,
      }
      const [name = '', ...rest] = args
      const code = (await server.commands.get('quarantine')?.[name]?.run(rest, io)) ?? 0
      return { code, rows, said }
    },
    follow: (method, link, body, headers = {}) =>
      ask({ host: '127.0.0.1', port: ports.links }, method, new URL(link, 'https://mail.example.com').pathname, {
        headers: {
          host: 'mail.example.com',
          ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
          ...headers,
        },
        ...(body !== undefined && { raw: body }),
      }),
  }
}

/** Links of a digest, by what they do, in its order. */
export function linksOf(digest: string): Readonly<Record<'release' | 'delete', readonly string[]>> {
  const text = digest.replaceAll('=\r\n', '').replaceAll('=3D', '=')
  const [plain = ''] = text.split('text/html')
  const found = (word: string): string[] =>
    [...plain.matchAll(new RegExp(`${word}: +(https://\\S+)`, 'g'))].map(([, link = '']) => link)
  return { release: found('Release'), delete: found('Delete') }
}
