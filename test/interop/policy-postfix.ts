/** A real Postfix that asks a policy service, and a Postroad that is one. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Config, createServer, type Server } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns, defer, definePlugin, reject, suspect } from '@postroad/plugin'
import { certificate } from '../delivery/certificate.ts'
import { mails as octetsIn } from '../delivery/mailbox.ts'
import { type NextHop, startPostfix } from '../delivery/postfix.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { requires } from '../runner/requires.ts'

/** Where the mail goes, and who asks about it. */
export interface Asking extends AsyncDisposable {
  readonly postfix: NextHop
  /** Its log so far. */
  log(): string
  /** Files of its hold queue. */
  held(): readonly string[]
}

/** Restrictions as an operator writes them; `$service` stands for the service. */
export interface Restrictions {
  readonly recipient?: string
  readonly data?: string
  readonly more?: string
}

/** Starts Postfix, which asks at `at`, as main.cf has it: `inet:127.0.0.1:10040`. */
export async function startAsking(at: string, restrictions: Restrictions = {}): Promise<Asking> {
  const { recipient = 'reject_unauth_destination, $service, permit', data = '$service', more = '' } = restrictions
  const withService = (text: string): string =>
    text.replaceAll('$service', `check_policy_service { ${at}, try_limit=10 }`)
  const postfix = await startPostfix({
    certificate,
    domain: 'example.test',
    main: `
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions = ${withService(recipient)}
smtpd_data_restrictions = ${withService(data)}
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
${more}
`,
  })
  const folder = dirname(dirname(postfix.mailbox('alice')))
  return {
    postfix,
    log: () => readFileSync(join(folder, 'log'), 'utf8'),
    held: () =>
      readdirSync(join(folder, 'queue/hold'), { recursive: true })
        .map(String)
        .filter((name) => !/^.$/.test(name)),
    [Symbol.asyncDispose]: () => postfix[Symbol.asyncDispose](),
  }
}

/** A Postroad that is asked at this port of 127.0.0.1. */
export interface Asked extends AsyncDisposable {
  readonly server: Server
  /** Canonical lines of transactions. */
  lines(): readonly Readonly<Record<string, unknown>>[]
  /** All that it has logged. */
  log(): string
}

/** Starts it. Its services are kept in `folder`, which is the caller's when it is given. */
export async function startAsked(
  port: number,
  fill: Config['setup'],
  { folder, ...config }: Partial<Omit<Config, 'setup' | 'log'>> = {},
): Promise<Asked> {
  const own = folder ?? mkdtempSync(join(tmpdir(), 'pr-policy-'))
  const embedded = embeddedServices(join(own, 'services'))
  let log = ''
  const server = await createServer(
    {
      hostname: 'mx.example.test',
      ...config,
      folder: own,
      log: { format: 'json', write: (lines) => void (log += lines) },
      async setup(app) {
        await fill(app)
        app.listen({ name: 'policy', protocol: 'policy', host: '127.0.0.1', port })
      },
    },
    { services: [...embedded.services, { service: Dns, create: () => zoneDns(ZONE) }] },
  )
  await server.listen()
  const all = (): Readonly<Record<string, unknown>>[] =>
    log
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  return {
    server,
    log: () => log,
    lines: () => all().filter(({ event }) => event === 'transaction'),
    async [Symbol.asyncDispose]() {
      await server.close()
      await embedded.close()
      if (folder === undefined) rmSync(own, { recursive: true, force: true })
    },
  }
}

const ZONE = {
  'good.test': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
  'client.test': { TXT: ['v=spf1 +all'] },
}

/** What one message came to: the reply at which it ended, without the code of the command before. */
export interface Offered {
  readonly at: 'MAIL' | 'RCPT' | 'DATA' | 'end'
  readonly reply: string
}

/** Offers one message as a client of this address. */
export async function offer(
  port: number,
  {
    from = 'joe@client.test',
    to,
    address = '192.0.2.7',
  }: { readonly from?: string; readonly to: string; readonly address?: string },
): Promise<Offered> {
  const client = await SmtpClient.connect(port)
  try {
    await client.reply()
    await client.send('EHLO client.test')
    await client.send(`XCLIENT ADDR=${address} NAME=client.test`)
    await client.send('EHLO client.test')
    return await offerOn(client, { from, to: [to] })
  } finally {
    await client.quit()
  }
}

/** Offers one message in a session that has begun; the last refusal of a recipient when none is left. Without the id that is told with it. */
export async function offerOn(client: SmtpClient, offered: Parameters<typeof decidedOn>[1]): Promise<Offered> {
  const { at, reply } = await decidedOn(client, offered)
  return { at, reply: reply.replace(/ \(id \S+\)$/, '') }
}

async function decidedOn(
  client: SmtpClient,
  { from = 'joe@client.test', to }: { readonly from?: string; readonly to: readonly string[] },
): Promise<Offered> {
  const mail = await client.send(`MAIL FROM:<${from}>`)
  if (!mail.startsWith('250')) return { at: 'MAIL', reply: mail }
  let refused = ''
  let count = 0
  for (const one of to) {
    const reply = await client.send(`RCPT TO:<${one}>`)
    if (reply.startsWith('250')) count++
    else refused = reply
  }
  if (count === 0) {
    await client.send('RSET')
    return { at: 'RCPT', reply: refused }
  }
  const data = await client.send('DATA')
  if (!data.startsWith('354')) {
    await client.send('RSET')
    return { at: 'DATA', reply: data }
  }
  return { at: 'end', reply: await client.send('Subject: asked about\r\n\r\nHello\r\n.') }
}

/** Who the recipient is says what is said of it. */
const house = definePlugin({
  name: 'house',
  hooks: {
    rcpt: ({ recipient }) => {
      if (recipient.local === 'dave') return reject('No such user: 100% $1 %s', { status: '5.1.1' })
      if (recipient.local === 'erin') return defer('Later', { status: '4.7.0', code: 451 })
      if (recipient.local === 'frank') return reject('Go away', { disconnect: true })
      if (recipient.local === 'bob') return suspect(3, 'odd')
      if (recipient.local === 'carol') return suspect(6, 'odder')
      if (recipient.local === 'later') return suspect(9, 'oddest')
      return undefined
    },
  },
})
/** Levels that {@link fill} reaches. */
export const thresholds = { tag: 2, quarantine: 5, reject: 8 }
/** A scope in which who the recipient is says what is said of it. */
export const fill: Config['setup'] = (app) => void app.use(house())

/** Messages of a mailbox, as texts. */
export async function mails(folder: string, count: number): Promise<string[]> {
  return (await octetsIn(folder, count)).map(String)
}

/** Why not, where Postfix cannot be started. */
export const skip = requires('postfix') || (process.getuid?.() === 0 ? false : 'Postfix needs root')
