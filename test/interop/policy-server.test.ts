/** Postroad as policy service of a real Postfix; what takes longer is in policy-server.long.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { greylist } from '@postroad/greylist'
import { rateLimit } from '@postroad/rate-limit'
import { spf } from '@postroad/spf'
import { until } from '../cli/operator.ts'
import { freePorts } from './loopback.ts'
import { fill, mails, offer, skip, startAsked, startAsking, thresholds } from './policy-postfix.ts'

test('what plugins say of an envelope is what a client of Postfix hears', { skip }, async () => {
  const [port = 0] = await freePorts(1)
  await using asked = await startAsked(port, fill, { thresholds })
  await using asking = await startAsking(`inet:127.0.0.1:${port}`)
  const { postfix } = asking
  const to = (user: string) => offer(postfix.port, { to: `${user}@example.test` })
  const said: Record<string, string> = {}
  for (const user of ['alice', 'dave', 'erin', 'frank', 'bob', 'carol', 'later']) {
    const { at, reply } = await to(user)
    said[user] = `${at} ${reply.replace(/queued as \w+/, 'queued')}`
  }
  assert.deepEqual(said, {
    alice: 'end 250 2.0.0 Ok: queued',
    dave: 'RCPT 550 5.1.1 <dave@example.test>: Recipient address rejected: No such user: 100% $1 %s',
    erin: 'RCPT 450 4.7.0 <erin@example.test>: Recipient address rejected: Later',
    frank: 'RCPT 521 5.7.1 <frank@example.test>: Recipient address rejected: Go away',
    bob: 'end 250 2.0.0 Ok: queued',
    carol: 'end 250 2.0.0 Ok: queued',
    later: 'DATA 550 5.7.1 <DATA>: Data command rejected: Message refused by local policy',
  })
  // Marked once, and the one that was held is in the hold queue and nowhere else.
  const [marked = ''] = await mails(postfix.mailbox('bob'), 1)
  assert.equal(marked.match(/^X-Spam-Flag: YES$/gm)?.length, 1, marked)
  const [plain = ''] = await mails(postfix.mailbox('alice'), 1)
  assert.doesNotMatch(plain, /X-Spam/)
  assert.equal(asking.held().length, 1)
  assert.match(asking.log(), /hold: .*6 points/)
  // One line a message, with what Postfix knew of it.
  const lines = await until(() => (asked.lines().length >= 7 ? asked.lines() : undefined))
  assert.deepEqual(
    // Who was refused has its line when Postfix leaves, which may be after the next has come.
    lines.map(({ protocol, remote, helo, to }) => [protocol, remote, helo, String(to)]).toSorted(),
    ['', '', '', 'alice', 'bob', 'carol', 'later'].map((user) => [
      'policy',
      '192.0.2.7',
      'client.test',
      user && `${user}@example.test`,
    ]),
  )
  assert.doesNotMatch(asking.log(), /unknown smtpd restriction|4\.3\.5|problem talking/)
})

test('trap 3: greylisting, a rate limit and SPF are one service with one answer', { skip }, async () => {
  const [port = 0] = await freePorts(1)
  await using asked = await startAsked(port, (app) => {
    app
      .use(spf({ fail: 'reject', explain: false }))
      .use(greylist({ delay: '1 s' }))
      .use(rateLimit({ limits: [{ of: 'recipients', by: 'from', limit: '2/h' }] }))
  })
  await using asking = await startAsking(`inet:127.0.0.1:${port}`)
  const at = asking.postfix.port
  const forged = await offer(at, { from: 'joe@good.test', to: 'alice@example.test', address: '203.0.113.9' })
  assert.match(forged.reply, /^550 5\.7\.23 .*SPF MAIL FROM check failed for good\.test/)
  const good = { from: 'joe@good.test', to: 'alice@example.test', address: '192.0.2.1' }
  assert.match((await offer(at, good)).reply, /^450 4\.7\.1 .*Greylisted/)
  await until(async () => ((await offer(at, good)).reply.startsWith('250') ? true : undefined))
  assert.match((await offer(at, good)).reply, /^250 /)
  const third = await offer(at, good)
  assert.match(third.reply, /^450 4\.7\.28 .*Too many recipients/)
  assert.doesNotMatch(asking.log(), /4\.3\.5/)
  assert.ok(asked.lines().length >= 4)
})
