/** A real Postroad with the admin interface and its page, and mail for it: plugins that refuse, defer, quarantine and queue by what a mail says. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { admin } from '@postroad/admin'
import { type App, createServer, type Server, type ServerOptions } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { newToken } from '@postroad/http'
import { quarantine as aside, Dns, defer, definePlugin, reject } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { queue } from '@postroad/queue'
import { MailRecords, openRecords } from '@postroad/records'
import { SMTPServer } from 'smtp-server'
import { SmtpClient } from '../failure/smtp-client.ts'

/** What is said of a mail follows from its recipient and its subject. */
const rules = definePlugin({
  name: 'rules',
  hooks: {
    rcpt: ({ recipient }) => {
      if (recipient.local === 'nobody') return reject('No such user here', { status: '5.1.1' })
      return recipient.local === 'later' ? defer('Come again later') : undefined
    },
    // Nobody listens there: what is queued stays.
    route: () => ({ via: 'smtp', host: '127.0.0.1', port: 9 }),
    message: ({ message }) => (message.subject?.startsWith('[spam]') ? aside('looks like spam') : undefined),
  },
})

/** A running server. */
export interface RealServer extends AsyncDisposable {
  /** Of the page. */
  readonly url: string
  readonly smtp: number
  readonly token: string
  /** Of the role admin. */
  readonly adminToken: string
  readonly server: Server
  /** Messages that were released. */
  readonly released: string[]
}

/** Starts it on free ports of the loopback. `fill` puts records into their folder before, `more` adds plugins. */
export async function startRealServer({
  fill,
  more,
  ...options
}: {
  readonly fill?: (folder: string) => Promise<void>
  readonly more?: (app: App) => void
} & Partial<ServerOptions> = {}): Promise<RealServer> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-console-'))
  const released: string[] = []
  const sink = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, _session, done) {
      let text = ''
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      stream.on('end', () => {
        released.push(text)
        done()
      })
    },
  })
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
  const services = embeddedServices(join(folder, 'services'))
  await fill?.(join(folder, 'records'))
  const records = openRecords({ folder: join(folder, 'records') })
  const [token, adminToken] = [newToken(), newToken()]
  const address = sink.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      log: { format: 'silent' },
      grace: 500,
      setup(app) {
        app
          .use(admin())
          .use(rules())
          .use(queue({ retry: ['1 h'] }))
          .use(quarantine({ release: { port } }))
        more?.(app)
        app.listen({ name: 'mx', host: '127.0.0.1', port: 0 })
        app.listen({
          name: 'web',
          protocol: 'http',
          port: 0,
          tokens: [
            { name: 'ops', sha256: token.sha256, roles: ['operate'] },
            { name: 'root', sha256: adminToken.sha256, roles: ['admin'] },
          ],
        })
      },
    },
    {
      ...options,
      services: [
        ...services.services,
        { service: Dns, create: () => zoneDns({}) },
        { service: MailRecords, create: () => records },
      ],
    },
  )
  await server.listen()
  const portOf = (name: string): number => server.addresses.find((one) => one.name === name)?.port ?? 0
  return {
    url: `http://127.0.0.1:${portOf('web')}/`,
    smtp: portOf('mx'),
    token: token.secret,
    adminToken: adminToken.secret,
    server,
    released,
    async [Symbol.asyncDispose]() {
      await server.close()
      await services.close()
      await records.close()
      await new Promise<void>((resolve) => sink.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** One message, over a connection of its own; resolves to the last reply. `raw`: header fields and body, with line ends as they are. */
export async function deliver(
  port: number,
  raw: string,
  to = 'alice@a.test',
  from = 'ann@example.test',
): Promise<string> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  await client.send('EHLO client.test')
  await client.send(`MAIL FROM:<${from}>`)
  const reply = await client.send(`RCPT TO:<${to}>`)
  if (!reply.startsWith('250')) {
    await client.quit()
    return reply
  }
  await client.send('DATA')
  client.write(Buffer.from(`${raw.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..')}\r\n`).toString('latin1'))
  const last = await client.send('.')
  await client.quit()
  return last
}

/** Many small messages, over some connections at the same time. */
export async function deliverMany(port: number, count: number, to: (n: number) => string): Promise<void> {
  const connections = 10
  await Promise.all(
    Array.from({ length: connections }, async (_, k) => {
      const client = await SmtpClient.connect(port)
      await client.reply()
      await client.send('EHLO client.test')
      for (let n = k; n < count; n += connections) {
        await client.send('MAIL FROM:<news@example.test>')
        await client.send(`RCPT TO:<${to(n)}>`)
        await client.send('DATA')
        const reply = await client.send(`Subject: ${n}\r\n\r\nx\r\n.`)
        if (!reply.startsWith('250')) throw new Error(reply)
      }
      await client.quit()
    }),
  )
}
