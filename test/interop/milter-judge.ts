/** A Postroad that judges for a mail server: what the subject of a message says is done with it. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer, explainText, type Server } from '@postroad/core'
import { parseAddress } from '@postroad/mail'
import { defer, definePlugin, discard, quarantine, reject, rewrite } from '@postroad/plugin'
import { SmtpClient } from '../failure/smtp-client.ts'
import { makeFolder } from '../kit/command.ts'

/** How long the handler takes at the subject `slow`; longer than a mail server of these tests waits without a word. */
export const SLOW_MS = 8_000

/** Does what the subject of a message says. */
const obedient = definePlugin({
  name: 'obedient',
  setup: () => ({
    mail({ envelope }) {
      if (envelope.from?.local === 'nobody') return reject('No such sender', { status: '5.1.0' })
      return envelope.from?.local === 'leave' ? reject('Leave', { disconnect: true, status: '5.7.9' }) : undefined
    },
    rcpt({ envelope, recipient }) {
      if (recipient.local === 'bob') return reject('No such user: 100% %s', { status: '5.1.1' })
      if (envelope.from?.local === 'leave-at-rcpt') return reject('Leave', { disconnect: true, status: '5.7.9' })
      return envelope.from?.local === 'pause' ? defer('Leave for now', { disconnect: true }) : undefined
    },
    async message({ message }) {
      const subject = message.headers.get('Subject')
      if (subject === 'slow') await sleep(SLOW_MS)
      if (subject === 'refuse') return reject('Not this, 50% sure\nsee 100%25 of it', { status: '5.7.1' })
      if (subject === 'leave') return reject('Leave', { disconnect: true, status: '5.7.9' })
      if (subject === 'defer') return defer('Later', { status: '4.7.1' })
      if (subject === 'hold') return quarantine('to be looked at')
      return subject === 'discard' ? discard('not wanted') : undefined
    },
    async rewrite({ message, session }) {
      const marked = message.withHeader('X-Filter', `was here, tls=${session.tls?.version ?? 'none'}`)
      if (message.headers.get('Subject') !== 'edit') return marked
      const [carol, alice, sender] = ['carol', 'alice', 'bounces'].map((name) => parseAddress(`${name}@example.test`))
      assert.ok(carol && alice && sender)
      const other = await marked
        .withoutHeader('X-Two', ({ value }) => value === 'second')
        .withoutHeader('Authentication-Results')
        .withHeader('Authentication-Results', 'filter.test; none')
        .withReplacedHeader('X-Change', 'after')
        .withBody([Buffer.from('another body\r\n.\r\n100%s\r\n')])
      return rewrite({ message: other, from: sender, add: [carol], remove: [alice] })
    },
  }),
})

/** A filter that runs. */
export interface Filter extends AsyncDisposable {
  /** The line of `postroad explain` for this file, as an operator copies it. */
  line(file: 'main.cf' | 'sendmail.mc'): string
  /** Ends it now, and starts it again at the same place. */
  stop(): Promise<void>
  start(): Promise<void>
}

/** Where it is asked, and how soon it says that it is at work. */
export interface FilterPlace {
  readonly port?: number
  readonly path?: string
  readonly mode?: number
  readonly group?: string
  readonly progressMs?: number
}

/** Starts it. */
export async function startFilter(at: FilterPlace): Promise<Filter> {
  const folder = await makeFolder()
  const make = async (): Promise<Server> => {
    const server = await createServer({
      hostname: 'filter.test',
      folder,
      log: { format: 'silent' },
      setup: (app) => void app.scope('filter', (scope) => scope.use(obedient()).listen({ protocol: 'milter', ...at })),
    })
    await server.listen()
    return server
  }
  let server: Server | undefined = await make()
  const stop = async () => {
    await server?.close()
    server = undefined
  }
  return {
    line(file) {
      assert.ok(server)
      const text = explainText(server.explain())
      const found = text.split('\n').find((line) => line.trimStart().startsWith(file))
      assert.ok(found, text)
      return found.trimStart().slice(file.length).trim()
    },
    stop,
    start: async () => {
      server = await make()
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What is offered. */
export interface Offer {
  readonly subject: string
  readonly from?: string
  /** Of the field From. */
  readonly author?: string
  readonly to?: readonly string[]
  /** Lines of the header beside those that each message has. */
  readonly fields?: readonly string[]
  /** With CRLF, not stuffed. */
  readonly body?: string
}

/** A message as text, CRLF. */
export function messageOf({
  subject,
  author = 'sender@client.example',
  fields = [],
  body = '.dot\r\nHello\r\n',
}: Offer): string {
  const own = ['Date: Mon, 30 Nov 2026 10:00:00 +0000', 'Message-ID: <1@client.example>', `From: ${author}`]
  return [...own, `Subject: ${subject}`, ...fields, '', body].join('\r\n')
}

/** Offers a message in a session of its own, or in this one; the last line of the reply that decided, without the id that is told with it. */
export async function offerTo(port: number, offer: Offer, open?: SmtpClient): Promise<string> {
  return (await decidedOn(port, offer, open)).replace(/ \(id \S+\)$/, '')
}

async function decidedOn(port: number, offer: Offer, open?: SmtpClient): Promise<string> {
  const client = open ?? (await begin(port))
  try {
    const { from = 'sender@client.example', to = ['alice@example.test'] } = offer
    for (const line of [`MAIL FROM:<${from}>`, ...to.map((user) => `RCPT TO:<${user}>`), 'DATA']) {
      const reply = await client.send(line)
      if (/^[23]/.test(reply)) continue
      if (open) await client.send('RSET')
      return reply
    }
    client.write(messageOf(offer).replaceAll(/^\./gm, '..'))
    return await client.send('.')
  } finally {
    if (!open) await client.quit()
  }
}

/** A session in which EHLO was said. */
export async function begin(port: number): Promise<SmtpClient> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  await client.send('EHLO client.example')
  return client
}
