/** Postroad in the middle: Debian's Postfix and Exim send to it, its queue delivers to them and to Dovecot, and what fails comes back. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { smtpTransport } from '@postroad/delivery'
import { zoneDns } from '@postroad/dns'
import { type Job, makeAddress } from '@postroad/mail'
import type { Route } from '@postroad/plugin'
import { type Dovecot, startDovecot } from '../interop/dovecot.ts'
import { freePorts } from '../interop/loopback.ts'
import { readInbox } from '../interop/mailbox.ts'
import { traceOf, trickyMessage } from '../interop/message.ts'
import { requires } from '../runner/requires.ts'
import { certificate } from './certificate.ts'
import { requiresExim, startExim } from './exim.ts'
import { content, mails } from './mailbox.ts'
import { startMiddle } from './middle.ts'
import { type NextHop, startPostfix } from './postfix.ts'

const skip = requires('postfix', 'dovecot-lmtpd', 'dovecot-imapd') || requiresExim()
const START = { Postfix: startPostfix, Exim: startExim } as const

/** Sender (`from.test`), Postroad, next hop (`to.test`), and Dovecot (`lmtp.test`); all mail of the two servers for others goes to Postroad. */
interface Road {
  readonly sender: NextHop
  readonly hop: NextHop
  readonly dovecot: Dovecot
  readonly middlePort: number
  readonly routes: Map<string, Route>
}

const roads = new Map<string, Promise<Road>>()
const open = new AsyncDisposableStack()
after(() => open.disposeAsync())

async function build(senderName: keyof typeof START, hopName: keyof typeof START): Promise<Road> {
  const [port = 0] = await freePorts(1)
  const routes = new Map<string, Route>()
  open.use(await startMiddle(port, routes))
  const sender = open.use(await START[senderName]({ certificate, relayTo: port, domain: 'from.test' }))
  const hop = open.use(await START[hopName]({ certificate, relayTo: port, domain: 'to.test' }))
  const dovecot = open.use(await startDovecot(['alice@lmtp.test', 'bob@lmtp.test']))
  routes.set('from.test', { via: 'smtp', host: '127.0.0.1', port: sender.port })
  routes.set('to.test', { via: 'smtp', host: '127.0.0.1', port: hop.port })
  routes.set('lmtp.test', { via: 'lmtp', host: '127.0.0.1', port: dovecot.lmtp.port })
  return { sender, hop, dovecot, middlePort: port, routes }
}

/** The same test on both roads. */
function onEachRoad(title: string, work: (road: Road, name: string) => Promise<void>): void {
  for (const [sender, hop] of [
    ['Postfix', 'Exim'],
    ['Exim', 'Postfix'],
  ] as const) {
    // biome-ignore format: a table
    const name = `${sender} → Postroad → ${hop}`
    test(`${name}: ${title}`, { skip }, async () => {
      let road = roads.get(name)
      if (road === undefined) roads.set(name, (road = build(sender, hop)))
      await work(await road, name)
    })
  }
}

interface Mail extends Partial<Pick<Job, 'parameters'>> {
  readonly from?: string
  readonly to: readonly string[]
  readonly data: Buffer
  readonly notify?: readonly ('SUCCESS' | 'FAILURE' | 'DELAY')[]
}

/** Hands a message to a server, which takes it for everybody. */
async function hand(
  port: number,
  { from = 'alice@from.test', to, data, notify, parameters = { body: '8BITMIME' } }: Mail,
): Promise<void> {
  const transport = smtpTransport({ hostname: 'client.test', dns: zoneDns({}) })
  const outcomes = await transport.deliver({
    route: { via: 'smtp', host: '127.0.0.1', port, settings: { tls: 'none' } },
    from: addressOf(from),
    parameters,
    recipients: to.map((address) => ({
      address: addressOf(address),
      parameters: notify ? { notify, orcpt: { type: 'rfc822', address: `first+${address}` } } : {},
    })),
    message: { size: data.length, chunks: () => [data], raw: async function* () { yield data } }, // biome-ignore format: short
    signal: new AbortController().signal,
  })
  await transport.close()
  assert.deepEqual(outcomes.map(({ kind }) => kind), to.map(() => 'delivered'), JSON.stringify(outcomes)) // biome-ignore format: short
}

function addressOf(text: string) {
  const [local = '', domain = ''] = text.split('@')
  return makeAddress(local, domain)
}

/** Waits for the message with this text in a mailbox; a bounce quotes the subject of what it is about. */
async function find(folder: string, text: string): Promise<string> {
  for (const end = performance.now() + 30_000; performance.now() < end; await sleep(100)) {
    const found = (await mails(folder, 0)).map((mail) => mail.toString('latin1').replaceAll('\r\n', '\n'))
    const mail = found.find((each) => each.includes(text))
    if (mail !== undefined) return mail
  }
  throw new Error(`no message with "${text}" in ${folder}`)
}

async function findInDovecot({ dovecot }: Road, user: string, subject: string): Promise<Buffer> {
  for (const end = performance.now() + 30_000; performance.now() < end; await sleep(100)) {
    const mail = (await readInbox(dovecot.imapPort, user)).find((each) => each.includes(`Subject: ${subject}\r\n`))
    if (mail !== undefined) return mail
  }
  throw new Error(`no message "${subject}" for ${user}`)
}

onEachRoad('what is easily damaged arrives as it was', async ({ sender, hop }) => {
  const data = trickyMessage('through')
  await hand(sender.port, { to: ['alice@to.test'], data })
  const mail = await find(hop.mailbox('alice'), 'Subject: through\n')
  assert.equal(content(Buffer.from(mail, 'latin1')), content(data))
  assert.match(mail, /^Received: .*\n?(?:[ \t].*\n)*?.*by middle\.test/m)
})

onEachRoad('long lines go on as they came', async ({ hop, middlePort }) => {
  const long = `${'0123456789'.repeat(500)}\r\n.${'.'.repeat(3_000)}\r\nend\r\n`
  const data = Buffer.concat([trickyMessage('long lines'), Buffer.from(long)])
  await hand(middlePort, { to: ['carol@to.test'], data })
  const mail = await find(hop.mailbox('carol'), 'Subject: long lines\n')
  assert.equal(content(Buffer.from(mail, 'latin1')), content(data))
})

onEachRoad('DSN parameters go all the way, and the last server tells of success', async ({ sender, hop }) => {
  const data = trickyMessage('tell me')
  const parameters = { body: '8BITMIME', ret: 'HDRS', envid: 'id 1+2=3' } as const
  await hand(sender.port, { to: ['bob@to.test'], data, notify: ['SUCCESS', 'FAILURE'], parameters })
  await find(hop.mailbox('bob'), 'Subject: tell me\n')
  const told = await find(sender.mailbox('alice'), 'Subject: tell me\n')
  // Exim shows the xtext as it came.
  assert.match(told, /^Original-Envelope-Id: (?:id 1\+2=3|id\+201\+2B2\+3D3)$/im)
  assert.match(told, /^Original-Recipient: rfc822; ?first(?:\+|\+2B)bob@to\.test$/im)
  assert.match(told, /^Action: delivered$/im)
})

onEachRoad(
  'of several recipients each has its own fate, and the sender hears of the one that failed',
  async ({ sender, hop }) => {
    const data = trickyMessage('mixed fates')
    await hand(sender.port, { to: ['carol@to.test', 'nobody@to.test', 'later@to.test', 'dave@to.test'], data })
    for (const user of ['carol', 'dave'])
      assert.equal(
        content(Buffer.from(await find(hop.mailbox(user), 'Subject: mixed fates\n'), 'latin1')),
        content(data),
        user,
      )
    const bounce = await find(sender.mailbox('alice'), 'Subject: mixed fates\n')
    assert.match(bounce, /^Return-path: <>$/im)
    assert.match(bounce, /^Content-Type: multipart\/report; report-type=delivery-status/im)
    assert.match(bounce, /^Final-Recipient: rfc822; ?nobody@to\.test$/im)
    assert.match(bounce, /^Status: 5\.1\.1$/im)
    assert.match(bounce, /^Diagnostic-Code: smtp; ?550 5\.1\.1 /im)
    assert.doesNotMatch(bounce, /carol|dave|later/)
    // 4xx, and success when it is tried again.
    assert.equal((await mails(hop.mailbox('later'), 0)).length, 0)
    hop.relent()
    assert.equal(
      content(Buffer.from(await find(hop.mailbox('later'), 'Subject: mixed fates\n'), 'latin1')),
      content(data),
    )
    await sleep(500)
    for (const user of ['carol', 'dave', 'later']) {
      const all = await mails(hop.mailbox(user), 1)
      assert.equal(all.filter((mail) => mail.includes('Subject: mixed fates')).length, 1, `${user} has it once`)
    }
  },
)

onEachRoad('a refusal of the content comes back to a real mailbox', async ({ sender, middlePort }) => {
  const data = Buffer.concat([Buffer.from('X-Refuse: yes\r\n'), trickyMessage('refused')])
  await hand(middlePort, { from: 'frank@from.test', to: ['alice@to.test'], data })
  const bounce = await find(sender.mailbox('frank'), 'Subject: refused\n')
  assert.match(bounce, /^Diagnostic-Code: smtp; ?550 5\.7\.1 .*Not this/im)
})

onEachRoad('an internationalized address is a sender and a recipient', async ({ sender, hop }) => {
  const data = trickyMessage('für Dörte')
  const parameters = { body: '8BITMIME', smtputf8: true } as const
  await hand(sender.port, { from: 'd\u00f6rte@from.test', to: ['d\u00f6rte@to.test'], data, parameters })
  const mail = await find(hop.mailbox('d\u00f6rte'), `Subject: ${Buffer.from('für Dörte').toString('latin1')}\n`)
  assert.equal(content(Buffer.from(mail, 'latin1')), content(data))
  assert.match(Buffer.from(mail, 'latin1').toString(), /^Return-path: <d\u00f6rte@from\.test>/im)
})

onEachRoad(
  'a server without SMTPUTF8 is not sent what it cannot take: it bounces',
  async ({ sender, hop, routes, middlePort }) => {
    const subject = Buffer.from('für alte Server').toString('latin1')
    const data = trickyMessage('für alte Server')
    routes.set('to.test', { via: 'smtp', host: '127.0.0.1', port: hop.oldPort })
    await hand(middlePort, {
      from: 'erin@from.test',
      to: ['erin@to.test'],
      data,
      parameters: { body: '8BITMIME', smtputf8: true },
    })
    routes.set('to.test', { via: 'smtp', host: '127.0.0.1', port: hop.port })
    const bounce = await find(sender.mailbox('erin'), `Subject: ${subject}\n`)
    assert.match(bounce, /^Final-Recipient: [^;]*; ?erin@to\.test$/im)
    assert.match(bounce, /^Status: 5\.6\.7$/im)
  },
)

onEachRoad('Dovecot gets mail over LMTP, one answer a recipient, and who is unknown there bounces', async (road) => {
  const data = trickyMessage('over LMTP')
  await hand(road.sender.port, {
    from: 'bob@from.test',
    to: ['alice@lmtp.test', 'mallory@lmtp.test', 'bob@lmtp.test'],
    data,
  })
  for (const user of ['alice@lmtp.test', 'bob@lmtp.test']) traceOf(await findInDovecot(road, user, 'over LMTP'), data)
  const bounce = await find(road.sender.mailbox('bob'), 'Subject: over LMTP\n')
  assert.match(bounce, /^Final-Recipient: rfc822; ?mallory@lmtp\.test$/im)
  assert.match(bounce, /^Status: 5\.1\.1$/im)
})

onEachRoad('while Dovecot is away its mail waits, and arrives once', async (road) => {
  const data = trickyMessage('waits for Dovecot')
  await road.dovecot.stop()
  await hand(road.middlePort, { to: ['alice@lmtp.test'], data })
  await sleep(1_000)
  await road.dovecot.start()
  traceOf(await findInDovecot(road, 'alice@lmtp.test', 'waits for Dovecot'), data)
  await sleep(500)
  const all = await readInbox(road.dovecot.imapPort, 'alice@lmtp.test')
  assert.equal(all.filter((mail) => mail.includes('Subject: waits for Dovecot')).length, 1)
})
