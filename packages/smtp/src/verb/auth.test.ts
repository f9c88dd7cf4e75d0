import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { AuthAttempt, Mechanism } from '@postroad/mail'
import { MECHANISMS } from '../auth/mechanism.ts'
import { CERTIFICATE } from '../certificate.test.ts'
import { type Client, type Fixture, OFFER, type Stages, start } from '../fixture.test.ts'
import type { WireReply } from '../stages.ts'

const WELCOME: WireReply = { code: 250, status: '2.7.0', text: 'Welcome' }
const base64 = (text: string): string => Buffer.from(text).toString('base64')

async function open(auth: Stages['auth'], mechanisms: readonly Mechanism[]): Promise<Fixture & { talker: Client }> {
  const fixture = await start(
    { authWithoutTls: true, limits: { errors: 100 } },
    { auth, offer: () => ({ ...OFFER, mechanisms }) },
  )
  const talker = await fixture.client()
  await talker.reply()
  await talker.say('EHLO x')
  return Object.assign(fixture, { talker })
}

const judge =
  (judgement: (attempt: AuthAttempt) => boolean | Promise<boolean>): Stages['auth'] =>
  async (attempt) =>
    (await judgement(attempt)) ? WELCOME : undefined

/** Milliseconds until a judgement that does not end fails its test. */
const PATIENCE_MS = 8_000

test('every mechanism of the seam has its exchange', () => {
  assert.deepEqual([...MECHANISMS.keys()].sort(), [
    'CRAM-MD5',
    'EXTERNAL',
    'LOGIN',
    'OAUTHBEARER',
    'PLAIN',
    'SCRAM-SHA-256',
    'SCRAM-SHA-256-PLUS',
    'XOAUTH2',
  ])
})

test('RFC 4954 §4: more than one initial response is a mistake of syntax, 501; an unknown mechanism is 504', async () => {
  await using fixture = await open(
    judge(() => true),
    ['PLAIN'],
  )
  for (const argument of ['PLAIN a b', 'PLAIN AGEAYg== x', 'plain  AGEAYg=='])
    assert.match(await fixture.talker.say(`AUTH ${argument}`), /^501 5\.5\.4 /, argument)
  for (const argument of ['FOO', 'FOO a b', 'LOGIN'])
    assert.match(await fixture.talker.say(`AUTH ${argument}`), /^504 5\.5\.4 /, argument)
  assert.equal(await fixture.talker.say('AUTH PLAIN AGEAYg=='), '235 2.7.0 Welcome')
})

test('RFC 4616 §4: PLAIN with an initial response, and with an authorization identity', async () => {
  let seen: AuthAttempt | undefined
  await using fixture = await open(
    judge((attempt) => {
      seen = attempt
      return true
    }),
    ['PLAIN'],
  )
  assert.equal(await fixture.talker.say(`AUTH PLAIN ${base64('Ursel\0Kurt\0xipj3plmq')}`), '235 2.7.0 Welcome')
  assert.deepEqual(seen, { mechanism: 'PLAIN', username: 'Kurt', password: 'xipj3plmq', authorize: 'Ursel' })
})

for (const response of ['\0\0secret', '\0a\0', 'a', '\0a\0b\0c', '\0a\r\nb\0c', '\xff\0a\0b'])
  test(`RFC 4616 §2: PLAIN with ${JSON.stringify(response)} is malformed`, async () => {
    await using fixture = await open(() => assert.fail(), ['PLAIN'])
    assert.match(
      await fixture.talker.say(`AUTH PLAIN ${Buffer.from(response, 'latin1').toString('base64')}`),
      /^501 5\.5\.2 /,
    )
  })

test('RFC 2195 §2: CRAM-MD5 proves the password without sending it', async () => {
  await using fixture = await open(
    judge(
      (attempt) => attempt.mechanism === 'CRAM-MD5' && attempt.username === 'tim' && attempt.verify('tanstaaftanstaaf'),
    ),
    ['CRAM-MD5'],
  )
  const respond = async (password: string): Promise<string> => {
    const challenge = Buffer.from((await fixture.talker.say('AUTH CRAM-MD5')).slice(4), 'base64')
    assert.match(challenge.toString(), /^<[0-9a-f]{32}\.\d+@mx\.example\.com>$/)
    return fixture.talker.say(base64(`tim ${createHmac('md5', password).update(challenge).digest('hex')}`))
  }
  assert.match(await respond('wrong'), /^535 5\.7\.8 /)
  assert.equal(await respond('tanstaaftanstaaf'), '235 2.7.0 Welcome')
})

for (const [mechanism, response] of [
  ['XOAUTH2', 'user=joe@example.com\x01auth=Bearer ya29.vF9dft4\x01\x01'],
  ['OAUTHBEARER', 'n,a=joe@example.com,\x01host=mx.example.com\x01port=587\x01auth=Bearer ya29.vF9dft4\x01\x01'],
] as const)
  test(`RFC 7628 §3.1: ${mechanism} hands on the token; a bad one is told in JSON before 535`, async () => {
    let isGood = false
    const attempts: AuthAttempt[] = []
    await using fixture = await open(
      judge((attempt) => {
        attempts.push(attempt)
        return isGood
      }),
      [mechanism],
    )
    const answer = await fixture.talker.say(`AUTH ${mechanism} ${base64(response)}`)
    assert.ok('status' in JSON.parse(Buffer.from(answer.slice(4), 'base64').toString()))
    assert.match(await fixture.talker.say(mechanism === 'XOAUTH2' ? '' : 'AQ=='), /^535 5\.7\.8 /)
    isGood = true
    assert.equal(await fixture.talker.say(`AUTH ${mechanism}`), '334 ')
    assert.equal(await fixture.talker.say(base64(response)), '235 2.7.0 Welcome')
    assert.deepEqual(attempts[1], { mechanism, username: 'joe@example.com', token: 'ya29.vF9dft4' })
  })

const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const salted = pbkdf2Sync('pencil', SALT, 4096, 32, 'sha256')
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const clientKey = hmac(salted, 'Client Key')
const KEYS = {
  salt: SALT,
  iterations: 4096,
  storedKey: createHash('sha256').update(clientKey).digest(),
  serverKey: hmac(salted, 'Server Key'),
}

/** The client's half of RFC 5802; gives the replies to the two messages. With a channel binding it is PLUS. */
async function scram(talker: Client, key = clientKey, channel?: Buffer): Promise<[string, string]> {
  const bare = 'n=user,r=rOprNGfwEbeRWgbNEkqO'
  const header = channel ? 'p=tls-exporter,,' : 'n,,'
  const name = channel ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256'
  const first = Buffer.from(
    (await talker.say(`AUTH ${name} ${base64(`${header}${bare}`)}`)).slice(4),
    'base64',
  ).toString()
  const nonce = /^r=([^,]+),s=[^,]+,i=4096$/.exec(first)?.[1] ?? ''
  assert.ok(nonce.startsWith('rOprNGfwEbeRWgbNEkqO'), first)
  const binding = Buffer.concat([Buffer.from(header), channel ?? Buffer.alloc(0)]).toString('base64')
  const withoutProof = `c=${binding},r=${nonce}`
  const signature = hmac(createHash('sha256').update(key).digest(), `${bare},${first},${withoutProof}`)
  const proof = Buffer.from(key.map((octet, i) => octet ^ (signature[i] ?? 0))).toString('base64')
  const answer = await talker.say(base64(`${withoutProof},p=${proof}`))
  return [
    Buffer.from(answer.slice(4), 'base64').toString(),
    `v=${hmac(KEYS.serverKey, `${bare},${first},${withoutProof}`).toString('base64')}`,
  ]
}

test('RFC 7677 §3: SCRAM-SHA-256 proves the password both ways', async () => {
  const judgement = judge(
    (attempt) => attempt.mechanism === 'SCRAM-SHA-256' && attempt.username === 'user' && attempt.verify(KEYS),
  )
  await using fixture = await open(judgement, ['SCRAM-SHA-256'])
  const [signature, expected] = await scram(fixture.talker)
  assert.equal(signature, expected)
  assert.equal(await fixture.talker.say(''), '235 2.7.0 Welcome')
})

async function openTls(
  maxVersion: 'TLSv1.2' | 'TLSv1.3',
): Promise<Fixture & { talker: Client; secure: TLSSocket; keywords: string }> {
  const auth = judge((attempt) => attempt.mechanism === 'SCRAM-SHA-256' && attempt.verify(KEYS))
  const fixture = await start(
    { tls: 'implicit', certificate: CERTIFICATE },
    { auth, offer: () => ({ ...OFFER, mechanisms: ['SCRAM-SHA-256'] }) },
  )
  const talker = await fixture.client({ tls: true, maxVersion })
  await talker.reply()
  const keywords = await talker.say('EHLO x')
  return Object.assign(fixture, { talker, secure: talker.socket as TLSSocket, keywords })
}

test('RFC 9266 §2: SCRAM-SHA-256-PLUS proves the password for this TLS connection, and for no other', async () => {
  await using fixture = await openTls('TLSv1.3')
  const { talker, secure, keywords } = fixture
  assert.match(keywords, /AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256\|/)
  const channel = secure.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  const other = Buffer.from(channel).fill(0, 31)
  await scram(talker, clientKey, other)
  assert.equal(await talker.say('NOOP'), '250 2.0.0 Ok')
  const [signature, expected] = await scram(talker, clientKey, channel)
  assert.equal(signature, expected)
  assert.equal(await talker.say(''), '235 2.7.0 Welcome')
})

test('RFC 5802 §5: where somebody else has the keys, that one and the client speak with each other', async () => {
  const heard: string[] = []
  let answers: (string | undefined)[] = []
  const auth = judge(
    (attempt) =>
      attempt.mechanism === 'SCRAM-SHA-256' &&
      attempt.relay !== undefined &&
      attempt.relay(async (message) => {
        heard.push(message)
        return answers.shift()
      }),
  )
  const fixture = await start(
    { tls: 'implicit', certificate: CERTIFICATE },
    { auth, offer: () => ({ ...OFFER, mechanisms: ['SCRAM-SHA-256'], channelBinding: false }) },
  )
  await using _ = fixture
  const talker = await fixture.client({ tls: true, maxVersion: 'TLSv1.3' })
  await talker.reply()
  // Nothing is bound to a connection that ends here, and a client that could bind was not lied to.
  assert.match(await talker.say('EHLO x'), /AUTH SCRAM-SHA-256\|/)
  const first = `AUTH SCRAM-SHA-256 ${base64('y,,n=user,r=abc')}`
  const challenge = 'r=abcdef,s=c2FsdA==,i=4096'
  const proof = 'c=eSws,r=abcdef,p=cHJvb2Y='
  answers = [challenge, 'v=c2lnbmF0dXJl']
  assert.equal(await talker.say(first), `334 ${base64(challenge)}`)
  assert.equal(await talker.say(base64(proof)), `334 ${base64('v=c2lnbmF0dXJl')}`)
  assert.equal(await talker.say(''), '235 2.7.0 Welcome')
  assert.deepEqual(heard, ['y,,n=user,r=abc', proof])
  for (const [said, proven] of [
    [[challenge, undefined], proof],
    [[challenge], 'nonsense'],
    [[undefined], proof],
    [['r=abc\r\n334,s=c2FsdA==,i=4096'], proof],
    [[challenge, 'e=other-error'], proof],
  ] as const) {
    const other = await fixture.client({ tls: true, maxVersion: 'TLSv1.3' })
    await other.reply()
    await other.say('EHLO x')
    answers = [...said]
    // Who does not exist is asked for a proof, too.
    assert.match(await other.say(first), /^334 [A-Za-z0-9+/=]+$/)
    assert.match(await other.say(base64(proven)), /^[45]\d\d /, String(said))
  }
})

test('RFC 5802 §6: a client that could bind and believes that we cannot was lied to; one that cannot is welcome', async () => {
  await using fixture = await openTls('TLSv1.3')
  assert.match(await fixture.talker.say(`AUTH SCRAM-SHA-256 ${base64('y,,n=user,r=abc')}`), /^535 5\.7\.8 /)
  assert.match(
    await fixture.talker.say(`AUTH SCRAM-SHA-256 ${base64('p=tls-exporter,,n=user,r=abc')}`),
    /^501 5\.5\.2 /,
  )
  assert.match(await fixture.talker.say(`AUTH SCRAM-SHA-256-PLUS ${base64('n,,n=user,r=abc')}`), /^501 5\.5\.2 /)
  assert.match(
    await fixture.talker.say(`AUTH SCRAM-SHA-256-PLUS ${base64('p=tls-unique,,n=user,r=abc')}`),
    /^501 5\.5\.2 /,
  )
  const [signature, expected] = await scram(fixture.talker)
  assert.equal(signature, expected)
})

test('RFC 9266 §4: before TLS 1.3 nothing is bound, and PLUS not offered', async () => {
  await using fixture = await openTls('TLSv1.2')
  assert.match(fixture.keywords, /AUTH SCRAM-SHA-256\|/)
  assert.match(
    await fixture.talker.say(`AUTH SCRAM-SHA-256-PLUS ${base64('p=tls-exporter,,n=user,r=abc')}`),
    /^504 5\.5\.4 /,
  )
  assert.match(await fixture.talker.say(`AUTH SCRAM-SHA-256 ${base64('y,,n=user,r=abc')}`), /^334 /)
})

test('RFC 5802 §5: a wrong proof is refused', async () => {
  await using fixture = await open(
    judge((attempt) => attempt.mechanism === 'SCRAM-SHA-256' && attempt.verify(KEYS)),
    ['SCRAM-SHA-256'],
  )
  fixture.talker.send(`AUTH SCRAM-SHA-256 ${base64('n,,n=user,r=abc')}\r\n`)
  await fixture.talker.reply()
  assert.match(await fixture.talker.say(base64('c=biws,r=abc,p=AAAA')), /^535 5\.7\.8 /)
  assert.equal(await fixture.talker.say('NOOP'), '250 2.0.0 Ok')
})

test('RFC 5802 §9: a name that does not exist is asked for its proof like any other', async () => {
  await using fixture = await open(
    judge(() => false),
    ['SCRAM-SHA-256'],
  )
  const salts: string[] = []
  for (let i = 0; i < 2; i++) {
    const first = Buffer.from(
      (await fixture.talker.say(`AUTH SCRAM-SHA-256 ${base64('n,,n=nobody,r=abc')}`)).slice(4),
      'base64',
    ).toString()
    salts.push(/s=([^,]+)/.exec(first)?.[1] ?? '')
    assert.match(await fixture.talker.say(base64('c=biws,r=abc,p=AAAA')), /^535 5\.7\.8 /)
  }
  assert.ok(salts[0] !== '' && salts[0] === salts[1])
})

test('RFC 4954 §4: an exchange that is cancelled in the middle of the judgement has one reply', async () => {
  await using fixture = await open(
    judge((attempt) => attempt.mechanism === 'SCRAM-SHA-256' && attempt.verify(KEYS)),
    ['SCRAM-SHA-256'],
  )
  await fixture.talker.say(`AUTH SCRAM-SHA-256 ${base64('n,,n=user,r=abc')}`)
  assert.match(await fixture.talker.say('*'), /^501 5\.7\.0 /)
  assert.equal(await fixture.talker.say('NOOP'), '250 2.0.0 Ok')
})

test('a client that goes away in the middle of SCRAM ends the judgement', { timeout: PATIENCE_MS }, async () => {
  let settle: (isGood: boolean) => void = () => {}
  const settled = new Promise<boolean>((resolve) => {
    settle = resolve
  })
  await using fixture = await open(
    judge(async (attempt) => {
      if (attempt.mechanism === 'SCRAM-SHA-256') settle(await attempt.verify(KEYS))
      return false
    }),
    ['SCRAM-SHA-256'],
  )
  await fixture.talker.say(`AUTH SCRAM-SHA-256 ${base64('n,,n=user,r=abc')}`)
  fixture.talker.destroy()
  assert.equal(await settled, false)
})

test('a judge who asks for the proof after the attempt is over is given none, and the session goes on', async () => {
  let verify: (() => Promise<boolean>) | undefined
  await using fixture = await open(
    judge((attempt) => {
      if (attempt.mechanism === 'SCRAM-SHA-256') verify = () => attempt.verify(KEYS)
      throw new Error('late')
    }),
    ['SCRAM-SHA-256'],
  )
  await fixture.talker.say(`AUTH SCRAM-SHA-256 ${base64('n,,n=user,r=abc')}`)
  assert.match(await fixture.talker.say('*'), /^501 5\.7\.0 /)
  assert.equal(await verify?.(), false)
  await using eager = await open(
    (attempt) => {
      if (attempt.mechanism === 'SCRAM-SHA-256') setImmediate(() => void attempt.verify(KEYS))
      return WELCOME
    },
    ['SCRAM-SHA-256'],
  )
  assert.equal(await eager.talker.say(`AUTH SCRAM-SHA-256 ${base64('n,,n=user,r=abc')}`), '235 2.7.0 Welcome')
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(await eager.talker.say('NOOP'), '250 2.0.0 Ok')
})

test('a judge who gives up while the client thinks is told that there is no proof', {
  timeout: PATIENCE_MS,
}, async () => {
  let proven: Promise<boolean> | undefined
  await using fixture = await open(
    async (attempt) => {
      if (attempt.mechanism === 'SCRAM-SHA-256') proven = attempt.verify(KEYS)
      await new Promise((resolve) => setTimeout(resolve, 10))
      return { code: 454, status: '4.7.0', text: 'Too late' }
    },
    ['SCRAM-SHA-256'],
  )
  assert.match(await fixture.talker.say(`AUTH SCRAM-SHA-256 ${base64('n,,n=user,r=abc')}`), /^334 /)
  assert.equal(await fixture.talker.reply(), '454 4.7.0 Too late')
  assert.equal(await proven, false)
  assert.equal(await fixture.talker.say('NOOP'), '250 2.0.0 Ok')
})

test('RFC 4954 §4: AUTH has its place, and its lines their length', async () => {
  await using fixture = await open(
    judge(() => true),
    ['PLAIN'],
  )
  const { talker } = fixture
  assert.equal(await talker.say('AUTH PLAIN'), '334 ')
  assert.match(await talker.say('x'.repeat(20_000)), /^500 5\.5\.6 /)
  assert.equal(await talker.say('NOOP'), '250 2.0.0 Ok')
  await talker.say('MAIL FROM:<a@example.com>')
  assert.match(await talker.say('AUTH PLAIN AGEAYg=='), /^503 5\.5\.1 /)
  await talker.say('RSET')
  assert.equal(await talker.say(`AUTH PLAIN ${base64(`\0a\0${'b'.repeat(9000)}`)}`), '235 2.7.0 Welcome')
  assert.equal(await talker.say('MAIL FROM:<a@example.com> AUTH=<>'), '250 2.1.0 Ok')
})
