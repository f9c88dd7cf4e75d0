/** A server that sends bulk mail: links to unsubscribe, a loop for complaints, a list, a queue, signatures; its next hop is a sink, and links are asked for over HTTP. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bounces } from '@postroad/bounces'
import { createServer, type Server } from '@postroad/core'
import { signDkim } from '@postroad/dkim'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { type CommandIo, Dns, definePlugin, Suppressions } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { suppression } from '@postroad/suppression'
import { createSink, type Sink } from '@postroad/testing'
import { unsubscribe } from '@postroad/unsubscribe'
import { type Answered, ask } from '../admin/server.ts'
import { SmtpClient } from '../failure/smtp-client.ts'

export const BULK = 'news@shop.test'
export const FBL = 'fbl@shop.test'
export const LEAVE = 'unsubscribe@shop.test'
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
/** The public half of the key that signs, as DNS has it. */
export const DKIM_RECORD = `v=DKIM1; k=rsa; p=${pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`

/** A running server, and what may be asked of it. */
export interface Senders {
  readonly server: Server
  readonly sink: Sink
  readonly list: Suppressions
  /** Hands a message in, as a program does; resolves to what arrives at the next hop. */
  mail(to: string | readonly string[], from?: string, fields?: string): Promise<string>
  /** A message from outside; resolves to the replies to RCPT and to its end. */
  receive(
    to: string,
    message: string,
    from?: string,
  ): Promise<{ readonly rcpt: string; readonly dot: string | undefined }>
  /** A request to the listener of links. */
  follow(method: string, link: string, body?: string, headers?: Record<string, string>): Promise<Answered>
  run(
    plugin: string,
    ...args: string[]
  ): Promise<{ readonly code: number; readonly rows: Record<string, unknown>[]; readonly said: string[] }>
}

/** Starts it; it ends with the test. */
export async function start(
  t: TestContext,
  options: Partial<Parameters<typeof unsubscribe>[0]> = {},
): Promise<Senders> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-senders-'))
  const services = embeddedServices(join(folder, 'services'))
  const sink = await createSink()
  const key = join(folder, 'dkim.pem')
  await writeFile(key, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  let list: Suppressions | undefined
  const byDomain = definePlugin({
    name: 'by-domain',
    needs: { suppressions: Suppressions },
    setup: ({ suppressions }) => {
      list = suppressions
      return {
        route: ({ recipient }) =>
          recipient.domain === 'shop.test' ? undefined : { via: 'smtp', host: '127.0.0.1', port: sink.port },
      }
    },
  })
  const server = await createServer(
    {
      hostname: 'mx.shop.test',
      folder,
      log: { format: 'silent' },
      grace: 500,
      setup(app) {
        app
          .use(bounces({ address: 'bounce@b.shop.test', senders: [BULK], cfbl: FBL, feedbackId: 'shop1' }))
          .use(suppression())
          .use(byDomain())
          .use(unsubscribe({ url: 'https://mail.shop.test', senders: [BULK], address: LEAVE, ...options }))
          .use(signDkim({ keys: [{ domain: 'shop.test', selector: 's1', file: key }] }))
          .use(queue({ minFree: 0 }))
        app.listen({ name: 'mx', host: '127.0.0.1', port: 0 })
        app.listen({
          name: 'links',
          protocol: 'http',
          port: 0,
          routes: 'links',
          hosts: ['mail.shop.test', '127.0.0.1'],
        })
      },
    },
    { services: [...services.services, { service: Dns, create: () => zoneDns({}) }] },
  )
  await server.listen()
  t.after(async () => {
    await server.close()
    await services.close()
    await sink.close()
    await rm(folder, { recursive: true, force: true })
  })
  const portOf = (name: string): number => server.addresses.find((one) => one.name === name)?.port ?? 0
  if (!list) throw new Error('the service was not given')
  return {
    server,
    sink,
    list,
    async mail(to, from = BULK, fields = '') {
      const before = sink.transactions.length
      await server.queue.send({
        from,
        to: [to].flat(),
        message: `From: Shop <${from}>\r\nTo: ${[to].flat().join(', ')}\r\nSubject: News\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@shop.test>\r\n${fields}\r\nHello\r\n`,
      })
      for (const end = performance.now() + 30_000; sink.transactions.length === before; await sleep(20))
        if (performance.now() > end) throw new Error('nothing was delivered')
      return sink.transactions.at(-1)?.message.toString('latin1') ?? ''
    },
    async receive(to, message, from = '') {
      const client = await SmtpClient.connect(portOf('mx'))
      await client.reply()
      await client.send('EHLO client.test')
      await client.send(`MAIL FROM:<${from}>`)
      const rcpt = await client.send(`RCPT TO:<${to}>`)
      let dot: string | undefined
      if (rcpt.startsWith('250')) {
        await client.send('DATA')
        dot = await client.send(`${message.replaceAll(/\r?\n/g, '\r\n')}\r\n.`)
      }
      await client.quit()
      return { rcpt, dot }
    },
    follow: (method, link, body, headers = {}) =>
      ask({ host: '127.0.0.1', port: portOf('links') }, method, new URL(link, 'http://x').pathname, {
        headers: {
          ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
          ...headers,
        },
        ...(body !== undefined && { raw: body }),
      }),
    async run(plugin, command = '', ...args) {
      const rows: Record<string, unknown>[] = []
      const said: string[] = []
      const io: CommandIo = {
        json: true,
        row: (fields) => void rows.push(fields),
        print: (line) => void said.push(line),
        signal: new AbortController().signal,
      }
      const code = (await server.commands.get(plugin)?.[command]?.run(args, io)) ?? 0
      return { code, rows, said }
    },
  }
}

/** Field values of a message that was delivered, unfolded. */
export function fieldsOf(message: string, name: string): readonly string[] {
  const [head = ''] = message.split('\r\n\r\n')
  return head
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .map((line) => line.slice(name.length + 1).trim())
}

/** The link of a message, and the address with its subject. */
export function exitsOf(message: string): {
  readonly link: string
  readonly address: string
  readonly subject: string
} {
  const [value = ''] = fieldsOf(message, 'List-Unsubscribe')
  const [, link = ''] = /<(https:[^>]+)>/.exec(value) ?? []
  const [, address = '', subject = ''] = /<mailto:([^?>]+)\?subject=([^>]+)>/.exec(value) ?? []
  return { link, address, subject }
}
