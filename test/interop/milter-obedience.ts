/** What every mail server has to do with what our filter says, and what it has to do when that is gone. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { mails } from '../delivery/mailbox.ts'
import { begin, type Filter, messageOf, offerTo } from './milter-judge.ts'

/** A mail server that asks. */
export interface AskingServer {
  readonly port: number
  /** Ends a connection after 521, too. */
  readonly isPostfix?: boolean
  mailbox(user: string): string
  /** Names of what it holds. */
  held(): readonly string[]
}

/** Names of the messages that are in a mailbox now. */
export function arrived(folder: string): readonly string[] {
  return existsSync(join(folder, 'new')) ? readdirSync(join(folder, 'new')) : []
}

/** All words of the filter, in sessions of their own and in one. The mailboxes of alice, carol and dave are to be empty before. */
export async function obeys(server: AskingServer): Promise<void> {
  const { port } = server
  const say = (subject: string, to = 'alice') => offerTo(port, { subject, to: [`${to}@example.test`] })
  assert.match(await say('plain'), /^250 2\.0\.0/)
  const [mail = ''] = (await mails(server.mailbox('alice'), 1)).map(String)
  // On top is above the trace field of the server that asks.
  assert.match(mail, /^X-Filter: was here, tls=none\nReceived: [\s\S]*^Subject: plain\n(?:.+\n)*\n\.dot\nHello\n+$/m)
  assert.match(await say('plain', 'bob'), /^550 5\.1\.1 .*No such user: 100% %s$/)
  assert.match(await say('refuse'), /^550 5\.7\.1 see 100%25 of it$/)
  assert.match(await say('defer'), /^451 4\.7\.1 Later$/)
  assert.match(await say('discard'), /^250 2/)
  assert.match(await say('hold'), /^250 2/)
  assert.equal(server.held().length, 1)
  await editsAll(server)
  await inOneSession(port)
  await partsWith(server)
  // Discarded, held, refused, taken away from the envelope: of all these alice has none.
  assert.equal((await mails(server.mailbox('alice'), 3)).length, 3)
}

/** Header, body, sender and recipients, all of one message. */
async function editsAll(server: AskingServer): Promise<void> {
  const fields = [
    'Received: from somewhere',
    'X-Two: first',
    'X-Two: second',
    'Authentication-Results: filter.test; forged',
    'X-Change: before',
    ' and folded',
    'X-Keep:\ttab  ',
    '\tfold',
    'X-Bare:none',
  ]
  const to = ['alice@example.test', 'dave@example.test']
  assert.match(await offerTo(server.port, { subject: 'edit', to, fields }), /^250 2\.0\.0/)
  for (const user of ['carol', 'dave']) {
    const [mail = ''] = (await mails(server.mailbox(user), 1)).map(String)
    assert.match(mail, /^Return-Path: <bounces@example\.test>$/m)
    assert.match(
      mail,
      /^Authentication-Results: filter\.test; none\nX-Filter: was here, tls=none\nReceived: from client/m,
    )
    assert.doesNotMatch(mail, /forged|second|before|and folded/)
    const end = 'X-Two: first\nX-Change: after\nX-Keep:\ttab  \n\tfold\nX-Bare:none\n\nanother body\n.\n100%s\n'
    assert.ok(
      mail
        .replace(/^(X-Bare:) /m, '$1')
        .trimEnd()
        .endsWith(end.trimEnd()),
      mail,
    )
  }
}

/** Who is to go is refused and hung up on, at each step: for good with 521 where the server ends a connection after that, else with 421. */
async function partsWith({ port, isPostfix }: AskingServer): Promise<void> {
  const [code, group] = isPostfix ? ['521', '5'] : ['421', '4']
  for (const [offer, reply] of [
    [{ subject: 'plain', from: 'leave@client.example' }, `${code} ${group}.7.9 Leave`],
    [{ subject: 'plain', from: 'leave-at-rcpt@client.example' }, `${code} ${group}.7.9 Leave`],
    [{ subject: 'plain', from: 'pause@client.example' }, '421 4.7.1 Leave for now'],
    [{ subject: 'leave' }, `${code} ${group}.7.9 Leave`],
  ] as const) {
    const client = await begin(port)
    assert.equal(await offerTo(port, offer, client), reply)
    assert.equal(await client.send('NOOP'), '')
  }
}

/** A refusal, a sender that is refused, RSET and a bounce: what came before is of no account for what follows. */
async function inOneSession(port: number): Promise<void> {
  const client = await begin(port)
  try {
    assert.match(await offerTo(port, { subject: 'refuse' }, client), /^550 5\.7\.1/)
    assert.match(await offerTo(port, { subject: 'plain', from: 'nobody@client.example' }, client), /^554 5\.1\.0/)
    await client.send('MAIL FROM:<sender@client.example>')
    await client.send('RCPT TO:<bob@example.test>')
    assert.match(await client.send('RSET'), /^250/)
    assert.match(await offerTo(port, { subject: 'plain', from: '' }, client), /^250/)
    const two = ['bob@example.test', 'alice@example.test']
    await client.send('MAIL FROM:<sender@client.example>')
    assert.deepEqual(
      [await client.send(`RCPT TO:<${two[0]}>`), await client.send(`RCPT TO:<${two[1]}>`)].map((reply) =>
        reply.slice(0, 3),
      ),
      ['550', '250'],
    )
    assert.match(await client.send('DATA'), /^354/)
    client.write(messageOf({ subject: 'plain' }).replaceAll(/^\./gm, '..'))
    assert.match(await client.send('.'), /^250/)
  } finally {
    await client.quit()
  }
}

/** The filter dies while it looks at a message: that is deferred, and none of it arrives; and the one that takes its place takes on, in the same session. */
export async function outlives({ port, mailbox }: AskingServer, filter: Filter): Promise<void> {
  const client = await begin(port)
  try {
    const offer = offerTo(port, { subject: 'slow', to: ['frank@example.test'] }, client)
    await sleep(2_000)
    await filter.stop()
    assert.match(await offer, /^4[25]1 4\.[37]\./)
    await filter.start()
    const offered = await offerTo(port, { subject: 'plain', to: ['frank@example.test'] })
    assert.match(offered, /^250 2\.0\.0/)
    const found = (await mails(mailbox('frank'), 1)).map(String)
    assert.equal(found.length, 1)
    assert.match(found[0] ?? '', /^Subject: plain$/m)
  } finally {
    await client.quit()
  }
}

/** What became of the mail of four clients. */
export interface Load {
  readonly taken: number
  readonly refused: number
}

/** Four clients send while the filter is stopped and started again: what was taken has arrived, marked; all else was refused for now. */
export async function underLoad(server: AskingServer, filter: Filter, rounds = 1): Promise<Load> {
  let isOver = false
  const replies: string[] = []
  const send = async (name: number): Promise<void> => {
    for (let count = 0; !isOver; count++) {
      const body = `${`${name} ${count}\r\n`.repeat(2_000)}`
      replies.push(await offerTo(server.port, { subject: 'load', to: ['erin@example.test'], body }))
    }
  }
  const clients = [1, 2, 3, 4].map(send)
  const taken = () => replies.filter((reply) => reply.startsWith('2')).length
  const phase = async (count: () => number, name: string) => {
    const goal = count() + 10
    for (const end = performance.now() + 60_000; count() < goal; await sleep(20))
      if (performance.now() > end) throw new Error(`${name}: ${replies.slice(-5).join(', ')}`)
  }
  try {
    await phase(taken, 'before')
    for (let round = 0; round < rounds; round++) {
      await filter.stop()
      await phase(() => replies.length - taken(), 'without the filter')
      await filter.start()
      await phase(taken, 'again')
    }
  } finally {
    isOver = true
    await Promise.all(clients)
  }
  const refused = replies.filter((reply) => !reply.startsWith('2'))
  for (const reply of refused) assert.match(reply, /^4\d\d /)
  const found = await mails(server.mailbox('erin'), taken())
  // What was not said to be taken may not have come either.
  await sleep(1_000)
  assert.equal(arrived(server.mailbox('erin')).length, taken())
  for (const mail of found) assert.match(String(mail), /^X-Filter: was here, tls=none\nReceived: /m)
  return { taken: taken(), refused: refused.length }
}
