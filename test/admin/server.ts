/** A server with the admin interface on a loopback port, and clients that ask it: with a token, as a browser would, or badly. */
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { admin } from '@postroad/admin'
import { type App, type Config, createServer, type Server, type ServerOptions } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { newToken } from '@postroad/http'
import { quarantine as aside, Dns, definePlugin } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { queue } from '@postroad/queue'
import { MailRecords, openRecords } from '@postroad/records'
import { SmtpClient } from '../failure/smtp-client.ts'

export const TOKENS = { read: newToken(), operate: newToken(), admin: newToken() }

/** What came back. */
export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  // The shape is what the test is about.
  json(): any
}

interface Ask {
  readonly token?: keyof typeof TOKENS
  readonly headers?: Record<string, string>
  readonly body?: unknown
  readonly raw?: string | Buffer
}

export interface Rig {
  readonly server: Server
  readonly folder: string
  readonly port: number
  readonly smtp: number
  ask(method: string, url: string, options?: Ask): Promise<Answered>
  /** Sends a message; resolves to the reply to its end. */
  send(subject: string, body?: string): Promise<string>
}

/** Everything for `a.test` is quarantined when its subject says so, the rest is queued for a host that does not answer. */
const rules = definePlugin({
  name: 'rules',
  hooks: {
    route: () => ({ via: 'smtp', host: '127.0.0.1', port: 9 }),
    message: ({ message }) => (/spam/i.test(message.subject ?? '') ? aside('looks like spam') : undefined),
  },
})

/** Starts it; it ends with the test. */
export async function start(
  context: Pick<TestContext, 'after'>,
  rest: Partial<Config> = {},
  limits: {
    readonly connections?: number
    readonly connectionsPerAddress?: number
    readonly wrongTokens?: number
  } = {},
  {
    more,
    fill,
    viewers = 200,
    ...options
  }: {
    readonly more?: (app: App) => void
    /** Puts records into their folder before. */
    readonly fill?: (folder: string) => Promise<void>
    readonly viewers?: number
  } & Partial<ServerOptions> = {},
): Promise<Rig> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-admin-'))
  const services = embeddedServices(path.join(folder, 'services'))
  await fill?.(path.join(folder, 'records'))
  const records = openRecords({ folder: path.join(folder, 'records') })
  const config: Config = {
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    grace: 500,
    setup(app) {
      app
        .use(admin({ viewers }))
        .use(rules())
        .use(queue({ retry: ['1 h'] }))
        .use(
          quarantine({
            release: { port: 9 },
            digest: { url: 'https://mail.test', from: 'q@a.test', submit: { port: 9 }, recipients: 'a.test' },
          }),
        )
      more?.(app)
      app.listen({ name: 'mx', host: '127.0.0.1', port: 0 })
      app.listen({
        name: 'web',
        protocol: 'http',
        port: 0,
        limits,
        tokens: (['read', 'operate', 'admin'] as const).map((role) => ({
          name: role,
          sha256: TOKENS[role].sha256,
          roles: [role],
        })),
      })
    },
    ...rest,
  }
  const server = await createServer(config, {
    ...options,
    services: [
      ...services.services,
      { service: Dns, create: () => zoneDns({}) },
      { service: MailRecords, create: () => records },
    ],
  })
  await server.listen()
  context.after(async () => {
    await server.close()
    await records.close()
    await services.close()
    await rm(folder, { recursive: true, force: true })
  })
  const portOf = (name: string): number => server.addresses.find((one) => one.name === name)?.port ?? 0
  const [port, smtp] = [portOf('web'), portOf('mx')]
  return {
    server,
    folder,
    port,
    smtp,
    ask: (method, url, options) => ask({ host: '127.0.0.1', port }, method, url, options),
    async send(subject, body = 'Hello') {
      const client = await SmtpClient.connect(smtp)
      await client.reply()
      for (const line of ['EHLO client.test', 'MAIL FROM:<ann@example.test>', 'RCPT TO:<bob@a.test>', 'DATA'])
        await client.send(line)
      const header = body.startsWith('Content-Type') ? '' : '\r\n'
      const reply = await client.send(`From: Ann <ann@example.test>\r\nSubject: ${subject}\r\n${header}${body}\r\n.`)
      await client.quit()
      return reply
    },
  }
}

/** One request, on a connection of its own. */
export function ask(
  where: RequestOptions,
  method: string,
  url: string,
  { token, headers = {}, body, raw }: Ask = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const own: Record<string, string> = {
      ...(token && { authorization: `Bearer ${TOKENS[token].secret}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    }
    const sent = request({ ...where, method, path: url, agent: false, headers: own }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => void chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json: () => JSON.parse(text) })
      })
    })
    sent.on('error', reject)
    sent.end(raw ?? (body === undefined ? undefined : JSON.stringify(body)))
  })
}
