/** The same RCPT many times: a reply each, one delivery. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { createServer } from '@postroad/core'
import type { Delivery } from '@postroad/mail'
import { definePlugin, reject } from '@postroad/plugin'
import { SmtpClient } from '../failure/smtp-client.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-repeated-'))
after(() => rm(folder, { recursive: true, force: true }))

/** What is handed on of a transaction with these RCPTs, how often each hook was asked, and all replies. */
async function handIn(protocol: 'smtp' | 'lmtp' | 'prdr', rcpts: readonly string[]) {
  const isPrdr = protocol === 'prdr'
  const asked = { rcpt: 0, route: 0, nexthop: 0 }
  let handed: readonly Delivery[] = []
  const road = definePlugin({
    name: 'road',
    hooks: {
      rcpt: () => void asked.rcpt++,
      route: () => {
        asked.route++
        return { via: 'road' }
      },
      nexthop: () => void asked.nexthop++,
      message: ({ envelope: { recipients } }) => {
        const bad = recipients.flatMap(({ address }) => (address.local === 'bad' ? address : []))
        return bad.length > 0 ? reject('Not bad', { for: bad }) : undefined
      },
      queue: {
        supports: ['DSN', '8BITMIME'],
        handler: ({ envelope, deliveries }) => {
          handed = deliveries
          return { id: envelope.id }
        },
      },
    },
  })
  await using server = await createServer({
    hostname: 'mx.test',
    folder,
    log: { format: 'silent' },
    setup: (app) => void app.use(road()).listen({ host: '127.0.0.1', port: 0, protocol: isPrdr ? 'smtp' : protocol }),
  })
  await server.listen()
  const client = await SmtpClient.connect(server.addresses[0]?.port ?? 0)
  await client.reply()
  await client.send(`${protocol === 'lmtp' ? 'LHLO' : 'EHLO'} client.test`)
  await client.send(`MAIL FROM:<a@b.test>${isPrdr ? ' PRDR' : ''}`)
  const replies: string[] = []
  for (const rcpt of rcpts) replies.push(await client.send(`RCPT TO:${rcpt}`))
  await client.send('DATA')
  const ends = [await client.send('Subject: x\r\n\r\nx\r\n.')]
  const expected = protocol === 'smtp' ? 1 : rcpts.length + (isPrdr ? 2 : 0)
  while (ends.length < expected) ends.push(await client.reply())
  assert.equal(await client.send('NOOP'), '250 2.0.0 Ok', 'no reply too many')
  await client.quit()
  return {
    replies,
    ends,
    asked,
    to: handed.flatMap(({ recipients }) => recipients.map(({ address }) => address.toString())),
  }
}

test('SMTP: each RCPT has its 250, the mailbox gets it once; checks are asked each time, because they count', async () => {
  const { replies, ends, asked, to } = await handIn('smtp', [
    '<x@a.test>',
    '<x@A.Test>',
    '<y@a.test>',
    '<"x"@a.test>',
    '<x@a.test>',
  ])
  assert.deepEqual(replies, Array(5).fill('250 2.1.5 Recipient ok'))
  assert.deepEqual([ends.length, to], [1, ['x@a.test', 'y@a.test']])
  assert.deepEqual(asked, { rcpt: 5, route: 2, nexthop: 2 })
})

test('RFC 5321 §2.4: a local part is exactly itself', async () => {
  assert.deepEqual((await handIn('smtp', ['<x@a.test>', '<X@a.test>'])).to, ['x@a.test', 'X@a.test'])
})

test('RFC 2033 §4.2: over LMTP each RCPT has a reply after the dot', async () => {
  const { ends, to } = await handIn('lmtp', [
    '<x@a.test>',
    '<bad@a.test>',
    '<x@a.test>',
    '<bad@a.test>',
    '<y@a.test>',
    '<x@a.test>',
  ])
  assert.deepEqual(ends.map((reply) => reply.slice(0, 3)), ['250', '550', '250', '550', '250', '250']) // biome-ignore format: a table
  assert.deepEqual(to, ['x@a.test', 'y@a.test'])
  const refused = await handIn('lmtp', ['<bad@a.test>', '<bad@a.test>', '<bad@a.test>'])
  assert.deepEqual([refused.ends.map((reply) => reply.slice(0, 3)), refused.to], [['550', '550', '550'], []])
})

test('draft-hall-prdr-00: with PRDR each RCPT has a reply between 353 and the last, which is for all', async () => {
  const codes = (replies: readonly string[]) => replies.map((reply) => reply.slice(0, 3))
  const { ends, to } = await handIn('prdr', [
    '<x@a.test>',
    '<bad@a.test>',
    '<x@a.test>',
    '<bad@a.test>',
    '<y@a.test>',
    '<x@a.test>',
  ])
  assert.deepEqual(codes(ends), ['353', '250', '550', '250', '550', '250', '250', '250'])
  assert.deepEqual(to, ['x@a.test', 'y@a.test'])
  const refused = await handIn('prdr', ['<bad@a.test>', '<bad@a.test>'])
  assert.deepEqual([codes(refused.ends), refused.to], [['353', '550', '550', '550'], []])
  const taken = await handIn('prdr', ['<x@a.test>', '<x@a.test>'])
  assert.deepEqual([codes(taken.ends), taken.to], [['353', '250', '250', '250'], ['x@a.test']])
})

test('RFC 3461 §4: other wishes are other reports; the queue still hands such a mailbox on once', async () => {
  const wishes = [
    '<x@a.test>',
    '<x@a.test> NOTIFY=SUCCESS,FAILURE',
    '<x@a.test> NOTIFY=FAILURE,SUCCESS',
    '<x@a.test> ORCPT=rfc822;l@a.test',
  ]
  assert.deepEqual((await handIn('smtp', wishes)).to, ['x@a.test', 'x@a.test', 'x@a.test'])
})
