/** Opinions, waves, points and the operator's word, in the real host. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accept, defer, defineFact, definePlugin, discard, quarantine, reject, suspect } from '@postroad/plugin'
import { session, sessionWith } from '@postroad/testing'

const refuser = (name: string, status: `5.${number}.${number}` = '5.7.1') =>
  definePlugin({ name, hooks: { mail: () => reject(`${name} says no`, { status }) } })()

test('a message passes when nobody objects, and arrives with our Received field on top', async () => {
  const { delivered } = await session()
    .mail('a@b.test')
    .rcpt('c@d.test')
    .data({ Subject: 'Hi' })
    .expectCode(250)
    .expectDelivered()
  const [first] = delivered
  assert.deepEqual(first?.to, ['c@d.test'])
  assert.match(
    String(first?.bytes),
    /^Received: from client\.test \(\[192\.0\.2\.1\]\)\r\n by mx\.test with ESMTP id \w+\.1\r\n for <c@d\.test>;\r\n [^\r]+\r\nSubject: Hi\r\n\r\nHello\r\n$/,
  )
})

test('the most severe opinion of a wave wins, whoever is faster', async () => {
  const slow = definePlugin({
    name: 'slow',
    hooks: {
      mail: async () => {
        await new Promise((wake) => setTimeout(wake, 20))
        return reject('no', { status: '5.1.8' })
      },
    },
  })
  const fast = definePlugin({ name: 'fast', hooks: { mail: () => defer('later') } })
  await session(fast(), slow()).mail('a@b.test').expectRefusal('5.1.8')
  await session(slow(), fast()).mail('a@b.test').expectRefusal('5.1.8')
})

test('of two opinions of one severity the plugin that is used first wins, not the clock', async () => {
  const slow = definePlugin({
    name: 'slow',
    hooks: {
      mail: async () => {
        await new Promise((wake) => setTimeout(wake, 10))
        return reject('slow', { status: '5.1.8' })
      },
    },
  })
  await session(slow(), refuser('quick')).mail('a@b.test').expectRefusal('5.1.8', /slow/)
  await session(refuser('quick'), slow()).mail('a@b.test').expectRefusal('5.7.1', /quick/)
})

test('accept ends the hook, and loses against a refusal of its own wave', async () => {
  const friend = definePlugin({ name: 'friend', hooks: { mail: { before: ['late'], handler: () => accept() } } })
  await session(friend(), refuser('late')).mail('a@b.test').expectAccepted()
  const peer = definePlugin({ name: 'peer', hooks: { mail: () => accept() } })
  await session(peer(), refuser('same-wave')).mail('a@b.test').expectRefusal('5.7.1')
})

test('accept gives nobody a route: without one a recipient is refused', async () => {
  const generous = definePlugin({
    name: 'generous',
    hooks: {
      rcpt: () => accept(),
      route: ({ recipient }) =>
        recipient.domain === 'ours.test' ? { via: 'x' } : reject('Relaying denied', { status: '5.7.1' }),
    },
  })
  await session(generous())
    .rcpt('a@ours.test')
    .expectRoute({ via: 'x' })
    .rcpt('a@elsewhere.test')
    .expectRefusal('5.7.1')
})

test('points add up over the stages and meet the thresholds at message', async () => {
  const points = definePlugin({
    name: 'points',
    hooks: {
      connect: () => suspect(1, 'a'),
      helo: () => suspect(1, 'b'),
      mail: () => [suspect(1, 'c'), suspect(0.5, 'd')],
      message: () => suspect(2, 'e'),
    },
  })
  const config = (thresholds: object) => ({ config: { thresholds } })
  await sessionWith(config({ reject: 5.5 }), points())
    .data()
    .expectRefusal('5.7.1')
  await sessionWith(config({ reject: 5.6 }), points())
    .data()
    .expectCode(250)
  await sessionWith(config({ quarantine: 5.5, reject: 9 }), points())
    .data()
    .expectCode(250)
    .expectQuarantined(/5\.5 points/)
  await sessionWith(config({ defer: 3, reject: 9 }), points())
    .data()
    .expectRefusal('4.7.1')
})

test('points of helo are those of the last one; points of connect and helo do not concern who proved who it is', async () => {
  const users = definePlugin({
    name: 'users',
    hooks: { auth: { mechanisms: ['PLAIN'], handler: () => ({ name: 'carol' }) } },
  })
  const points = definePlugin({
    name: 'points',
    hooks: {
      connect: () => suspect(1, 'a'),
      helo: ({ helo }) => (helo.name === 'odd' ? suspect(4, 'odd') : undefined),
    },
  })
  const options = { config: { thresholds: { reject: 5 } } }
  await sessionWith(options, points()).helo('odd').data().expectRefusal('5.7.1')
  await sessionWith(options, points())
    .helo('odd')
    .tls()
    .helo('odd')
    .data()
    .expectRefusal('5.7.1')
    .expect(({ lines }) => assert.equal(lines.find((line) => line['event'] === 'transaction')?.['points'], 5))
  await sessionWith(options, points()).helo('odd').helo('even').data().expectCode(250)
  await sessionWith(options, points(), users())
    .helo('odd')
    .auth({ username: 'c', password: 'x' })
    .data()
    .expectCode(250)
})

test('RFC 5321 §4.3.2: a refusal in place of the banner is 554 or 421', async () => {
  await session(definePlugin({ name: 'never', hooks: { connect: () => reject('no', { status: '5.7.1' }) } })())
    .connect()
    .expectCode(554)
  await session(definePlugin({ name: 'later', hooks: { connect: () => defer('not now') } })())
    .connect()
    .expectCode(421)
})

test('a tagged message is taken with its score on top, and forged marks are gone', async () => {
  const points = definePlugin({ name: 'points', hooks: { mail: () => suspect(3, 'odd (r\u00e9ally)') } })
  const thresholds = { tag: 3, reject: 9, subject: '[SPAM] ' }
  await sessionWith({ config: { thresholds } }, points())
    .data({ Subject: 'Hi', 'X-Spam-Flag': 'NO' })
    .expectDelivered(({ message }) => {
      assert.deepEqual(message.headers.all('x-spam-flag'), ['YES'])
      assert.equal(message.headers.get('x-spam-score'), '3 (points=3 odd ?r?ally?)')
      assert.equal(message.headers.get('subject'), '[SPAM] Hi')
    })
  await sessionWith({ config: { thresholds: { ...thresholds, tag: 3.1 } } }, points())
    .data()
    .expectDelivered(({ message }) => assert.equal(message.headers.has('x-spam-flag'), false))
})

test('domains may have levels of their own', async () => {
  const points = definePlugin({ name: 'points', hooks: { mail: () => suspect(5, 'x') } })
  const options = {
    config: { thresholds: { reject: 9, domains: { 'strict.test': { reject: 5 } } } },
    protocol: 'lmtp',
  } as const
  await sessionWith(options, points()).rcpt('a@strict.test').rcpt('b@lax.test').data().expectReplies(550, 250)
})

test('the canonical line names the threshold that decided, and for whom', async () => {
  const rule = definePlugin({
    name: 'rule',
    hooks: {
      mail: () => suspect(5, 'x'),
      rcpt: ({ recipient }) => (recipient.local === 'worse' ? suspect(0.25, 'y') : undefined),
      quarantine: () => ({ id: 'aside' }),
    },
  })
  const domains = {
    'reject.test': { reject: 5 },
    'defer.test': { defer: 4 },
    'aside.test': { quarantine: 3 },
    'tag.test': { tag: 2 },
  }
  const options = { config: { thresholds: { domains } }, protocol: 'lmtp' } as const
  await sessionWith(options, rule())
    .rcpt('a@reject.test')
    .rcpt('b@reject.test')
    .rcpt('worse@reject.test')
    .rcpt('a@defer.test')
    .rcpt('a@aside.test')
    .rcpt('a@tag.test')
    .rcpt('a@lax.test')
    .data()
    .expectReplies(550, 550, 550, 451, 250, 250, 250)
    .expect(({ lines }) =>
      assert.deepEqual(lines.find((line) => line['event'] === 'transaction')?.['thresholds'], [
        { level: 'reject', at: 5, points: 5, to: ['a@reject.test', 'b@reject.test'] },
        { level: 'reject', at: 5, points: 5.25, to: ['worse@reject.test'] },
        { level: 'defer', at: 4, points: 5, to: ['a@defer.test'] },
        { level: 'quarantine', at: 3, points: 5, to: ['a@aside.test'] },
        { level: 'tag', at: 2, points: 5, to: ['a@tag.test'] },
      ]),
    )
})

test('points given at rcpt count for that recipient alone', async () => {
  const rule = definePlugin({
    name: 'rule',
    hooks: { rcpt: ({ recipient }) => (recipient.local === 'bad' ? suspect(9, 'x') : undefined) },
  })
  const options = { config: { thresholds: { reject: 5 } }, protocol: 'lmtp' } as const
  await sessionWith(options, rule())
    .rcpt('bad@x.test')
    .rcpt('good@x.test')
    .data()
    .expectReplies(550, 250)
    .expectDelivered(({ to }) => assert.deepEqual(to, ['good@x.test']))
})

test('a shadowed plugin is recorded and not obeyed', async () => {
  const { lines } = await session([refuser('strict'), { mode: 'shadow' }])
    .mail('a@b.test')
    .expectAccepted()
    .data()
    .expectCode(250)
  const line = lines.find((one) => one['event'] === 'transaction')
  assert.deepEqual(line?.['opinions'], [
    { plugin: 'strict', hook: 'mail', kind: 'reject', status: '5.7.1', text: 'strict says no', shadow: true },
  ])
})

test('when decides whether a plugin is asked', async () => {
  const used = [
    refuser('strict'),
    { when: ({ session }: { session: { remote: { address: string } } }) => session.remote.address.startsWith('203.') },
  ] as const
  await session(used).mail('a@b.test').expectAccepted().from('203.0.113.1').mail('a@b.test').expectRefusal('5.7.1')
})

test('quarantine and discard are answered 250', async () => {
  const rule = definePlugin({
    name: 'rule',
    hooks: {
      message: ({ message }) => (message.headers.has('X-Q') ? quarantine('looks odd') : discard('nobody wants it')),
    },
  })
  await session(rule())
    .data({ 'X-Q': '1' })
    .expectCode(250)
    .expectQuarantined(/looks odd/)
  await session(rule())
    .data()
    .expectCode(250)
    .expect(({ delivered }) => assert.equal(delivered.length, 0))
})

test('at message an opinion may be about some recipients: LMTP answers each, SMTP takes nothing and asks for one at a time', async () => {
  const rule = definePlugin({
    name: 'rule',
    hooks: {
      message: ({ envelope }) =>
        reject('not you', {
          for: envelope.recipients.filter((one) => one.address.local === 'b').map((one) => one.address),
        }),
    },
  })
  await sessionWith({ protocol: 'lmtp' }, rule()).rcpt('a@x.test').rcpt('b@x.test').data().expectReplies(250, 550)
  await session(rule())
    .mail('s@x.test')
    .rcpt('a@x.test')
    .rcpt('b@x.test')
    .data()
    .expectRefusal('4.5.3')
    .expect(({ delivered }) => assert.equal(delivered.length, 0))
    .mail('s@x.test')
    .rcpt('a@x.test')
    .expectAccepted()
    .rcpt('b@x.test')
    .expectRefusal('4.5.3')
    .data()
    .expectCode(250)
    .mail('s@x.test')
    .rcpt('b@x.test')
    .data()
    .expectRefusal('5.7.1')
})

test('rewrite changes the message, in order', async () => {
  const add = (name: string, after: string[] = []) =>
    definePlugin({ name, hooks: { rewrite: { after, handler: ({ message }) => message.withHeader('X-By', name) } } })()
  await session(add('second', ['first']), add('first'))
    .data()
    .expectDelivered(({ message }) => assert.deepEqual(message.headers.all('x-by'), ['second', 'first']))
})

test('facts order the plugins and carry types', async () => {
  const country = defineFact<string, 'session'>('country', 'session')
  const geo = definePlugin({
    name: 'geo',
    hooks: { mail: { provides: [country], handler: ({ set }) => set(country, 'NL') } },
  })
  const rule = definePlugin({
    name: 'rule',
    hooks: {
      mail: { after: [country], handler: ({ get }) => (get(country) === 'NL' ? reject('not from there') : undefined) },
    },
  })
  await session(rule(), geo())
    .mail('a@b.test')
    .expectRefusal('5.7.1', /not from there/)
})

test('RFC 3207 §4.2: what was known of a client before STARTTLS is forgotten', async () => {
  const who = definePlugin({
    name: 'who',
    hooks: {
      auth: { mechanisms: ['PLAIN'], handler: () => ({ name: 'carol' }) },
      mail: ({ session: s }) => (s.identity ? reject('still known') : undefined),
    },
  })
  await session(who())
    .auth({ username: 'carol', password: 'x' })
    .expectCode(235)
    .tls()
    .mail('a@b.test')
    .expectAccepted()
})

test('AUTH: nobody knows the mechanism or the user, 535; a handler that answers decides', async () => {
  const users = definePlugin({
    name: 'users',
    hooks: {
      auth: {
        mechanisms: ['PLAIN'],
        handler: ({ attempt }) =>
          'password' in attempt && attempt.password === 'right' ? { name: attempt.username } : undefined,
      },
    },
  })
  await session(users())
    .auth({ username: 'carol', password: 'wrong' })
    .expectRefusal('5.7.8')
    .auth({ username: 'carol', password: 'right' })
    .expectCode(235)
  await session(users()).auth({ mechanism: 'XOAUTH2', username: 'carol', token: 't' }).expectRefusal('5.7.8')
})

test('VRFY, EXPN, HELP and unknown verbs have the standard’s answers', async () => {
  await session()
    .command('VRFY a')
    .expectCode(252)
    .command('EXPN a')
    .expectCode(502)
    .command('HELP')
    .expectCode(214)
    .command('FOO')
    .expectCode(500)
})
